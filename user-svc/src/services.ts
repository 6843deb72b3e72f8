import type { Limit } from "@crm/platform/limits";
import { type OperationServices, operations } from "@crm/platform/operation";
import type { Cursors } from "@crm/platform/pages";
import type { Foundation } from "@crm/platform/service";
import type { Passwords } from "./auth/passwords/bcrypt.ts";
import type { AccessTokens } from "./auth/tokens.ts";
import type { Mailer } from "./mail.ts";
import type { DB } from "./tables.gen.ts";

/** What the operations of user-svc stand on. */
export interface UserServices
  extends OperationServices<DB>,
    Pick<Foundation<DB>, "database" | "keyValue"> {
  readonly tokens: AccessTokens;
  readonly passwords: Passwords;
  readonly mailer: Mailer;
  /** Of one address, but for `session`. `login`: wrong credentials of whatever kind. */
  readonly limits: Readonly<Record<"session" | "register" | "login" | "refresh", Limit>>;
  /** Of one account; see `checkGuess`. */
  readonly guesses: Limit;
  readonly refreshTokenDays: number;
  readonly cursors: Cursors;
  /** Key of what is kept encrypted; see `seal`. */
  readonly encryptionSecret: string;
}

/** The ways to define an operation of user-svc. */
export const { read, write, anonymous } = operations<DB, UserServices>("identity");

import { networkOf } from "@crm/platform/address";
import type { RequestContext } from "@crm/platform/context";
import type { UserServices } from "../../services.ts";
import { hashToken, newOpaqueToken } from "../opaque-tokens.ts";
import type { Account } from "../queries.ts";
import * as queries from "./queries.ts";
import type { Session } from "./schema.ts";

type Context = RequestContext<UserServices>;
type Db = Parameters<typeof queries.insertSession>[0];

const DAY_MS = 86_400_000;

/** A session as it was opened or continued; only the access token is missing. */
export interface OpenedSession extends Account {
  readonly sessionId: string;
  readonly refreshToken: string;
}

/** Signs somebody in whose credentials were checked in this transaction. */
export async function openSession(
  context: Context,
  db: Db,
  { user, tenant }: Account,
): Promise<OpenedSession> {
  const sessionId = Bun.randomUUIDv7();
  const refreshToken = newOpaqueToken("refresh", tenant.id);
  await queries.insertSession(db, tenant.id, {
    id: sessionId,
    userId: user.id,
    userAgent: context.userAgent ?? null,
    address: context.clientAddress,
    network: networkOf(context.clientAddress),
    expiresAt: sessionEnd(context),
  });
  await queries.insertRefreshToken(db, tenant.id, sessionId, hashToken(refreshToken));
  return { user, tenant, sessionId, refreshToken };
}

/** When a session ends that nobody continues, from now on. */
export function sessionEnd({ services }: Context): Date {
  return new Date(Date.now() + services.refreshTokenDays * DAY_MS);
}

/** The session with an access token, which is good from the commit on. */
export async function signed({ services }: Context, opened: OpenedSession): Promise<Session> {
  const { user, tenant, sessionId, refreshToken } = opened;
  const accessToken = await services.tokens.sign({
    userId: user.id,
    tenantId: tenant.id,
    sessionId,
    role: user.role,
  });
  const expiresIn = services.tokens.lifetimeSeconds;
  return { user, tenant, accessToken, refreshToken, tokenType: "Bearer", expiresIn };
}

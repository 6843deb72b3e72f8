import { createHash } from "node:crypto";
import { networkOf } from "@crm/platform/address";
import type { RequestContext } from "@crm/platform/context";
import { Failure } from "@crm/platform/errors";
import { oneOf } from "@crm/platform/metrics";
import type { UserServices } from "../services.ts";
import { LOGIN_FAULTS } from "./event-names.ts";
import { securityEvent } from "./events.ts";

/** Somebody's try at a secret that can be guessed: a password, a code. */
export interface Guess {
  /** Whose secret it is: slug and e-mail, whether they exist or not. */
  readonly account: readonly string[];
  /** Whether the user has signed in from the caller's network before, and so has tries of their own there. */
  readonly knownNetwork: boolean;
  /** As far as they exist; for the event. */
  readonly tenantId: string | null;
  readonly userId: string | undefined;
}

/**
 * Checks a guess, unless too many were wrong before: then throws `rateLimited`. A wrong one is told by
 * `unauthenticated(reason)`, whose reason is for the log: `unknown_user`, `wrong_password`, … A guesser
 * elsewhere does not slow down who comes from a network where they have signed in before.
 */
export async function checkGuess<T>(
  context: RequestContext<UserServices>,
  { account, knownNetwork, tenantId, userId }: Guess,
  check: () => Promise<T>,
): Promise<T> {
  const { guesses, securityEvents } = context.services;
  const origin = { ...context, tenantId };
  const place = knownNetwork ? networkOf(context.clientAddress) : null;
  const key = createHash("sha256")
    .update(JSON.stringify([...account, place]))
    .digest("base64url");
  try {
    return await guesses.run(key, check);
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.kind === "rateLimited") {
      securityEvents.record(origin, securityEvent("login_limited", { userId }));
    }
    if (thrown instanceof Failure && thrown.code === "unauthenticated") {
      const reason = oneOf(LOGIN_FAULTS, thrown.cause);
      securityEvents.record(origin, securityEvent("login_failed", { userId, reason }));
    }
    throw thrown;
  }
}

import type { RequestContext } from "@crm/platform/context";
import { notFound, unauthenticated } from "@crm/platform/errors";
import { announceRevocation } from "@crm/platform/revocation";
import { seal, unseal } from "@crm/platform/seal";
import { z } from "zod";
import { securityEvent } from "../../security/events.ts";
import { anonymous, read, type UserServices, write } from "../../services.ts";
import { hashToken, newOpaqueToken, tenantOfOpaqueToken } from "../opaque-tokens.ts";
import { type OpenedSession, sessionEnd, signed } from "./open.ts";
import * as queries from "./queries.ts";
import { refreshDecision } from "./rules.ts";
import { endSessionInput, nothing, refreshInput, session, sessionList } from "./schema.ts";

type Context = RequestContext<UserServices>;
type Db = Parameters<typeof queries.insertSession>[0];

const SUCCESSOR = "refresh-token-successor";

/**
 * Exchanges a refresh token for new tokens. Throws `unauthenticated` if it is not good, and ends its
 * session if it was used before (but for a repetition, see refreshDecision).
 */
export const refresh = anonymous({
  name: "auth.refresh",
  limit: "refresh",
  input: refreshInput,
  output: session,
  async run({ context, enterTenant }, { refreshToken }) {
    const tenantId = tenantOfOpaqueToken("refresh", refreshToken);
    if (tenantId === null) throw unauthenticated();
    const { opened, userId } = await enterTenant(tenantId, async (db) => {
      const { exchanged, ended, actorId } = await exchange(context, db, tenantId, refreshToken);
      return {
        output: { opened: exchanged, userId: actorId },
        actorId,
        audit: [],
        ...(ended && {
          events: [
            securityEvent("refresh_reused", { userId: actorId ?? undefined, sessionId: ended }),
          ],
          afterCommit: () =>
            announceRevocation(context.services.keyValue, { tenantId, sessionId: ended }),
        }),
      };
    });
    if (userId === null) {
      // Forged, or its tenant's id was changed, or from before its session was deleted. The tenant is
      // only what the token says, so the event is in no tenant's table.
      const origin = { ...context, tenantId: null };
      const event = securityEvent("refresh_unknown", { details: { claimedTenantId: tenantId } });
      context.services.securityEvents.record(origin, event);
    }
    // Not thrown within the transaction: the end of the session must be committed.
    if (opened === null) throw unauthenticated();
    return signed(context, opened);
  },
});

async function exchange(
  context: Context,
  db: Db,
  tenantId: string,
  refreshToken: string,
): Promise<{ exchanged: OpenedSession | null; actorId: string | null; ended?: string }> {
  const hash = hashToken(refreshToken);
  const locked = await queries.lockSessionOfToken(db, tenantId, hash);
  const presented = locked && (await queries.findPresentedToken(db, tenantId, hash));
  if (!presented) return { exchanged: null, actorId: null };
  const { user, tenant, sessionId, usedAt, sealedSuccessor, sessionAlive } = presented;
  const former = sealedSuccessor && unseal(sealedSuccessor, refreshToken, SUCCESSOR);
  const successorUsed =
    former !== null && (await queries.isTokenUsed(db, tenantId, hashToken(former)));

  switch (refreshDecision({ sessionAlive, usedAt, successorUsed }, new Date())) {
    case "reject":
      return { exchanged: null, actorId: user.id };
    case "reuse":
      await queries.endSession(db, tenantId, { sessionId }, "reuse");
      return { exchanged: null, actorId: user.id, ended: sessionId };
    case "repeat":
      return {
        exchanged: former === null ? null : { user, tenant, sessionId, refreshToken: former },
        actorId: user.id,
      };
    case "rotate": {
      const successor = newOpaqueToken("refresh", tenantId);
      await queries.markTokenUsed(db, tenantId, hash, seal(successor, refreshToken, SUCCESSOR));
      await queries.insertRefreshToken(db, tenantId, sessionId, hashToken(successor));
      await queries.prolongSession(db, tenantId, sessionId, sessionEnd(context));
      return { exchanged: { user, tenant, sessionId, refreshToken: successor }, actorId: user.id };
    }
  }
}

/** The caller's sessions that go on, the last used one first. */
export const listSessions = read({
  name: "auth.listSessions",
  access: "session",
  input: nothing,
  output: sessionList,
  async run({ db, actor }) {
    const rows = await queries.findSessions(db, actor.tenantId, actor.userId);
    const items = rows.map((row) => ({
      id: row.session_id,
      device: row.user_agent,
      address: row.address,
      current: row.session_id === actor.sessionId,
      createdAt: row.created_at.toISOString(),
      lastUsedAt: row.last_used_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
    }));
    return { items };
  },
});

/** Ends one of the caller's sessions. Throws `notFound` for those of others and ended ones. */
export const endSession = write({
  name: "auth.endSession",
  access: "session",
  input: endSessionInput,
  output: z.void(),
  async run({ context, db, actor: { tenantId, userId } }, { id: sessionId }) {
    const ended = await queries.endSession(db, tenantId, { sessionId, userId }, "ended");
    if (!ended) throw notFound("session");
    return {
      output: undefined,
      audit: [],
      events: [securityEvent("session_ended", { userId, sessionId, details: { kind: "ended" } })],
      afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, sessionId }),
    };
  },
});

/** Ends the session that the access token belongs to, here and in every service. */
export const logout = write({
  name: "auth.logout",
  access: "anySession",
  input: nothing,
  output: z.void(),
  async run({ context, db, actor: { tenantId, userId, sessionId } }) {
    await queries.endSession(db, tenantId, { sessionId }, "logout");
    return {
      output: undefined,
      audit: [],
      events: [securityEvent("session_ended", { userId, details: { kind: "logout" } })],
      afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, sessionId }),
    };
  },
});

/** Ends all sessions of the caller, this one too, here and in every service. */
export const logoutAll = write({
  name: "auth.logoutAll",
  access: "anySession",
  input: nothing,
  output: z.void(),
  async run({ context, db, actor: { tenantId, userId } }) {
    await queries.endSessionsOf(db, tenantId, userId, "logout_all");
    return {
      output: undefined,
      audit: [],
      events: [securityEvent("session_ended", { userId, details: { kind: "logout_all" } })],
      afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, userId }),
    };
  },
});

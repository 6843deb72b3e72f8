import type { FailedChange } from "@crm/platform/change";
import type { RequestContext } from "@crm/platform/context";
import { notFound, unauthenticated } from "@crm/platform/errors";
import { announceRevocation } from "@crm/platform/revocation";
import { seal, unseal } from "@crm/platform/seal";
import { z } from "zod";
import { securityEvent } from "../../security/events.ts";
import { anonymous, read, type UserServices, write } from "../../services.ts";
import { hashToken, newOpaqueToken, tenantOfOpaqueToken } from "../opaque-tokens.ts";
import type { Account } from "../queries.ts";
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
  takesKey: true,
  input: refreshInput,
  output: session,
  async run({ context, enterTenant, answerOnce }, { refreshToken }) {
    const tenantId = tenantOfOpaqueToken("refresh", refreshToken);
    if (tenantId === null) throw unauthenticated();
    // Whoever has stolen the token may have the key as well: a key must not get past refreshDecision.
    if (context.idempotencyKey !== undefined) {
      await enterTenant(tenantId, async (db) => {
        const weighed = await weigh(context, db, tenantId, refreshToken);
        return "failure" in weighed ? weighed : { output: undefined, actorId: null, audit: [] };
      });
    }
    return answerOnce(tenantId, async (db) => {
      const weighed = await weigh(context, db, tenantId, refreshToken);
      if ("failure" in weighed) return weighed;
      const { user } = weighed;
      const opened = await exchange(context, db, refreshToken, weighed);
      return { output: await signed(context, opened), actorId: user.id, audit: [] };
    });
  },
});

interface GoodToken extends Account {
  readonly sessionId: string;
  /** What it was exchanged for a moment ago; null if it was not. */
  readonly successor: string | null;
}

/** Whether a refresh token may be exchanged. The failure stands: it may have ended the session. */
async function weigh(
  context: Context,
  db: Db,
  tenantId: string,
  refreshToken: string,
): Promise<GoodToken | FailedChange> {
  const hash = hashToken(refreshToken);
  const locked = await queries.lockSessionOfToken(db, tenantId, hash);
  const presented = locked && (await queries.findPresentedToken(db, tenantId, hash));
  if (!presented) return unknownToken(context, tenantId);
  const { user, tenant, sessionId, usedAt, sealedSuccessor, sessionAlive } = presented;
  const successor = sealedSuccessor && unseal(sealedSuccessor, refreshToken, SUCCESSOR);
  const successorUsed =
    successor !== null && (await queries.isTokenUsed(db, tenantId, hashToken(successor)));
  const refused = { failure: unauthenticated(), actorId: user.id, audit: [] };

  switch (refreshDecision({ sessionAlive, usedAt, successorUsed }, new Date())) {
    case "reject":
      return refused;
    case "reuse":
      await queries.endSession(db, tenantId, { sessionId }, "reuse");
      return {
        ...refused,
        events: [securityEvent("refresh_reused", { userId: user.id, sessionId })],
        afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, sessionId }),
      };
    case "repeat":
    case "rotate":
      return { user, tenant, sessionId, successor };
  }
}

/**
 * Forged, or its tenant's id was changed, or from before its session was deleted. The tenant is only
 * what the token says, so the event is in no tenant's table.
 */
function unknownToken({ services, ...request }: Context, claimedTenantId: string): FailedChange {
  return {
    failure: unauthenticated(),
    actorId: null,
    audit: [],
    async afterCommit() {
      const event = securityEvent("refresh_unknown", { details: { claimedTenantId } });
      services.securityEvents.record({ ...request, tenantId: null }, event);
    },
  };
}

async function exchange(
  context: Context,
  db: Db,
  refreshToken: string,
  { user, tenant, sessionId, successor: former }: GoodToken,
): Promise<OpenedSession> {
  const account = { user, tenant, sessionId };
  if (former !== null) return { ...account, refreshToken: former };
  const successor = newOpaqueToken("refresh", tenant.id);
  const sealed = seal(successor, refreshToken, SUCCESSOR);
  await queries.markTokenUsed(db, tenant.id, hashToken(refreshToken), sealed);
  await queries.insertRefreshToken(db, tenant.id, sessionId, hashToken(successor));
  await queries.prolongSession(db, tenant.id, sessionId, sessionEnd(context));
  return { ...account, refreshToken: successor };
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

import { type Kysely, type Selectable, sql } from "kysely";
import type { DB, IdentitySessions } from "../../tables.gen.ts";
import { type Account, accountOf, selectAccounts } from "../queries.ts";

type Db = Kysely<DB>;

const MAX_LISTED = 100;

/** Why a session has ended, as the table's CHECK has it. */
export type EndReason =
  | "logout"
  | "logout_all"
  | "ended"
  | "reuse"
  | "password_changed"
  | "password_reset"
  | "user_disabled"
  | "role_changed";

export type SessionRow = Pick<
  Selectable<IdentitySessions>,
  "session_id" | "user_agent" | "address" | "created_at" | "last_used_at" | "expires_at"
>;

export async function insertSession(
  db: Db,
  tenantId: string,
  session: {
    readonly id: string;
    readonly userId: string;
    readonly userAgent: string | null;
    readonly address: string;
    readonly network: string;
    readonly expiresAt: Date;
  },
): Promise<void> {
  await db
    .insertInto("identity.sessions")
    .values({
      tenant_id: tenantId,
      session_id: session.id,
      user_id: session.userId,
      user_agent: session.userAgent,
      address: session.address,
      network: session.network,
      expires_at: session.expiresAt,
    })
    .execute();
}

export async function insertRefreshToken(
  db: Db,
  tenantId: string,
  sessionId: string,
  tokenHash: Buffer,
): Promise<void> {
  await db
    .insertInto("identity.refresh_tokens")
    .values({ tenant_id: tenantId, session_id: sessionId, token_hash: tokenHash })
    .execute();
}

export interface PresentedToken extends Account {
  readonly sessionId: string;
  readonly sessionAlive: boolean;
  readonly usedAt: Date | null;
  readonly sealedSuccessor: Buffer | null;
}

/**
 * The session that a refresh token belongs to, locked, so that exchanges of one family happen one
 * after the other.
 */
export async function lockSessionOfToken(
  db: Db,
  tenantId: string,
  tokenHash: Buffer,
): Promise<string | null> {
  const row = await db
    .selectFrom("identity.sessions as sessions")
    .select("sessions.session_id as id")
    .where("sessions.tenant_id", "=", tenantId)
    .where("sessions.session_id", "=", (eb) =>
      eb
        .selectFrom("identity.refresh_tokens as tokens")
        .select("tokens.session_id")
        .where("tokens.tenant_id", "=", tenantId)
        .where("tokens.token_hash", "=", tokenHash),
    )
    .forUpdate()
    .executeTakeFirst();
  return row?.id ?? null;
}

/** To be asked once the session is locked: a younger snapshot than the lock sees what was done. */
export async function findPresentedToken(
  db: Db,
  tenantId: string,
  tokenHash: Buffer,
): Promise<PresentedToken | null> {
  const row = await selectAccounts(db)
    .innerJoin("identity.sessions as sessions", (join) =>
      join
        .onRef("sessions.tenant_id", "=", "users.tenant_id")
        .onRef("sessions.user_id", "=", "users.user_id"),
    )
    .innerJoin("identity.refresh_tokens as tokens", (join) =>
      join
        .onRef("tokens.tenant_id", "=", "sessions.tenant_id")
        .onRef("tokens.session_id", "=", "sessions.session_id"),
    )
    .select((eb) => [
      "sessions.session_id as sessionId",
      "tokens.used_at as usedAt",
      "tokens.sealed_successor as sealedSuccessor",
      eb
        .and([
          eb("sessions.ended_at", "is", null),
          eb("sessions.expires_at", ">", sql<Date>`now()`),
          eb("users.status", "=", "active"),
        ])
        .as("sessionAlive"),
    ])
    .where("tokens.tenant_id", "=", tenantId)
    .where("tokens.token_hash", "=", tokenHash)
    .executeTakeFirst();
  if (row === undefined) return null;
  const { sessionId, usedAt, sealedSuccessor, sessionAlive } = row;
  return {
    ...accountOf(row),
    sessionId,
    usedAt,
    sealedSuccessor,
    sessionAlive: sessionAlive === true,
  };
}

export async function isTokenUsed(db: Db, tenantId: string, tokenHash: Buffer): Promise<boolean> {
  const row = await db
    .selectFrom("identity.refresh_tokens")
    .select("used_at")
    .where("tenant_id", "=", tenantId)
    .where("token_hash", "=", tokenHash)
    .executeTakeFirst();
  return row !== undefined && row.used_at !== null;
}

export async function markTokenUsed(
  db: Db,
  tenantId: string,
  tokenHash: Buffer,
  sealedSuccessor: Buffer,
): Promise<void> {
  await db
    .updateTable("identity.refresh_tokens")
    .set({ used_at: sql<Date>`now()`, sealed_successor: sealedSuccessor })
    .where("tenant_id", "=", tenantId)
    .where("token_hash", "=", tokenHash)
    .execute();
}

export async function prolongSession(
  db: Db,
  tenantId: string,
  sessionId: string,
  expiresAt: Date,
): Promise<void> {
  await db
    .updateTable("identity.sessions")
    .set({ last_used_at: sql<Date>`now()`, expires_at: expiresAt })
    .where("tenant_id", "=", tenantId)
    .where("session_id", "=", sessionId)
    .execute();
}

/** The user's sessions that go on, the last used ones first; of a user with very many, the first 100. */
export async function findSessions(
  db: Db,
  tenantId: string,
  userId: string,
): Promise<SessionRow[]> {
  return db
    .selectFrom("identity.sessions")
    .select(["session_id", "user_agent", "address", "created_at", "last_used_at", "expires_at"])
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("ended_at", "is", null)
    .where("expires_at", ">", sql<Date>`now()`)
    .orderBy("last_used_at", "desc")
    .orderBy("session_id", "desc")
    .limit(MAX_LISTED)
    .execute();
}

/** Ends a session, of that user if one is given. Whether there was one that went on. */
export async function endSession(
  db: Db,
  tenantId: string,
  { sessionId, userId }: { readonly sessionId: string; readonly userId?: string },
  reason: EndReason,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("identity.sessions")
    .set({ ended_at: sql<Date>`now()`, end_reason: reason })
    .where("tenant_id", "=", tenantId)
    .where("session_id", "=", sessionId)
    .$if(userId !== undefined, (query) => query.where("user_id", "=", String(userId)))
    .where("ended_at", "is", null)
    .where("expires_at", ">", sql<Date>`now()`)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/**
 * Ends the sessions of a user, but for one. To be called after the user's row was changed in the same
 * transaction: whoever is signing in holds that row, and is waited for then.
 */
export async function endSessionsOf(
  db: Db,
  tenantId: string,
  userId: string,
  reason: EndReason,
  except: string | null = null,
): Promise<void> {
  await db
    .updateTable("identity.sessions")
    .set({ ended_at: sql<Date>`now()`, end_reason: reason })
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .$if(except !== null, (query) => query.where("session_id", "!=", except))
    .where("ended_at", "is", null)
    .execute();
}

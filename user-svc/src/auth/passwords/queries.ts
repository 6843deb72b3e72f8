import { type Kysely, sql } from "kysely";
import type { DB } from "../../tables.gen.ts";
import type { OneTimePurpose } from "../../users/queries.ts";
import { type Account, accountOf, selectAccounts } from "../queries.ts";

type Db = Kysely<DB>;

/**
 * Whose token this is; null unless it is good, of that purpose, and its user in a state for it: not
 * disabled, and for an invitation still invited. (An administrator who resets the password of somebody
 * invited sends the invitation once more.)
 */
export async function findOneTimeToken(
  db: Db,
  tenantId: string,
  tokenHash: Buffer,
  purpose: OneTimePurpose,
): Promise<Account | null> {
  const row = await selectAccounts(db)
    .innerJoin("identity.one_time_tokens as tokens", (join) =>
      join
        .onRef("tokens.tenant_id", "=", "users.tenant_id")
        .onRef("tokens.user_id", "=", "users.user_id"),
    )
    .where("tokens.tenant_id", "=", tenantId)
    .where("tokens.token_hash", "=", tokenHash)
    .where("tokens.purpose", "=", purpose)
    .where("tokens.used_at", "is", null)
    .where("tokens.expires_at", ">", sql<Date>`now()`)
    .where("users.status", "in", statusesFor(purpose))
    .executeTakeFirst();
  return row === undefined ? null : accountOf(row);
}

/** Takes a token, which is not good again then. False if it is not good any more. */
export async function takeOneTimeToken(
  db: Db,
  tenantId: string,
  tokenHash: Buffer,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("identity.one_time_tokens")
    .set({ used_at: sql<Date>`now()` })
    .where("tenant_id", "=", tenantId)
    .where("token_hash", "=", tokenHash)
    .where("used_at", "is", null)
    .where("expires_at", ">", sql<Date>`now()`)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Ends whatever tokens a user has left: none shall set a password that is older than the last one. */
export async function retireOneTimeTokens(db: Db, tenantId: string, userId: string): Promise<void> {
  await db
    .updateTable("identity.one_time_tokens")
    .set({ used_at: sql<Date>`now()` })
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("used_at", "is", null)
    .execute();
}

/** Sets a password. False if it has been changed since that version, or the user is not active. */
export async function replacePassword(
  db: Db,
  tenantId: string,
  userId: string,
  { passwordHash, after }: { readonly passwordHash: string; readonly after: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("identity.users")
    .set({ password_hash: passwordHash, password_version: after + 1 })
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("status", "=", "active")
    .where("password_version", "=", after)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Leaves a user without a password, until one is set by a token. */
export async function voidPassword(db: Db, tenantId: string, userId: string): Promise<void> {
  await db
    .updateTable("identity.users")
    .set((eb) => ({ password_hash: null, password_version: eb("password_version", "+", 1) }))
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .execute();
}

/**
 * Sets the password of somebody with a one-time token, who is active from then on if they were invited.
 * Null if the user is not in the state for it any more.
 */
export async function setPasswordByToken(
  db: Db,
  tenantId: string,
  userId: string,
  purpose: OneTimePurpose,
  { passwordHash, fullName }: { readonly passwordHash: string; readonly fullName?: string },
): Promise<Account | null> {
  const { numUpdatedRows } = await db
    .updateTable("identity.users")
    .set((eb) => ({
      status: "active",
      password_hash: passwordHash,
      password_version: eb("password_version", "+", 1),
      ...(fullName !== undefined && { full_name: fullName }),
      // The password is nothing that others see of a user, so it alone is no new version.
      version: sql<number>`version + (status = 'invited')::int`,
      updated_at: sql<Date>`case when status = 'invited' then now() else updated_at end`,
    }))
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("status", "in", statusesFor(purpose))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return null;
  const row = await selectAccounts(db)
    .where("users.tenant_id", "=", tenantId)
    .where("users.user_id", "=", userId)
    .executeTakeFirstOrThrow();
  return accountOf(row);
}

function statusesFor(purpose: OneTimePurpose): string[] {
  return purpose === "invitation" ? ["invited"] : ["invited", "active"];
}

import { type Kysely, sql } from "kysely";
import type { DB } from "../../tables.gen.ts";

type Db = Kysely<DB>;

export interface Factor {
  readonly sealedSecret: Buffer;
  readonly confirmed: boolean;
}

export async function findFactor(db: Db, tenantId: string, userId: string): Promise<Factor | null> {
  const row = await db
    .selectFrom("identity.second_factors")
    .select(["sealed_secret", "confirmed_at"])
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  if (row === undefined) return null;
  return { sealedSecret: row.sealed_secret, confirmed: row.confirmed_at !== null };
}

/** Begins an enrolment, in the place of one that was not confirmed. False if one was. */
export async function enrolFactor(
  db: Db,
  tenantId: string,
  userId: string,
  sealedSecret: Buffer,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("identity.second_factors")
    .values({ tenant_id: tenantId, user_id: userId, sealed_secret: sealedSecret })
    .onConflict((conflict) =>
      conflict
        .columns(["tenant_id", "user_id"])
        .doUpdateSet({ sealed_secret: sealedSecret, created_at: sql<Date>`now()` })
        .where("identity.second_factors.confirmed_at", "is", null),
    )
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Confirms the enrolment of that very secret. False if it is not there, or was confirmed already. */
export async function confirmFactor(
  db: Db,
  tenantId: string,
  userId: string,
  { sealedSecret, step }: { readonly sealedSecret: Buffer; readonly step: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("identity.second_factors")
    .set({ confirmed_at: sql<Date>`now()`, last_step: step })
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("confirmed_at", "is", null)
    .where("sealed_secret", "=", sealedSecret)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Takes a code's step of a confirmed factor. False if it, or a later one, was taken before. */
export async function takeStep(
  db: Db,
  tenantId: string,
  userId: string,
  step: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("identity.second_factors")
    .set({ last_step: step })
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("confirmed_at", "is not", null)
    .where("last_step", "<", String(step))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function insertRecoveryCodes(
  db: Db,
  tenantId: string,
  userId: string,
  hashes: readonly Buffer[],
): Promise<void> {
  await db
    .insertInto("identity.recovery_codes")
    .values(hashes.map((hash) => ({ tenant_id: tenantId, user_id: userId, code_hash: hash })))
    .execute();
}

/** Takes a recovery code. False if there is none like it, or it was taken before. */
export async function takeRecoveryCode(
  db: Db,
  tenantId: string,
  userId: string,
  hash: Buffer,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("identity.recovery_codes")
    .set({ used_at: sql<Date>`now()` })
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("code_hash", "=", hash)
    .where("used_at", "is", null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Takes a factor and its recovery codes away. Null if there is none; else whether it was confirmed. */
export async function deleteFactor(
  db: Db,
  tenantId: string,
  userId: string,
): Promise<{ readonly confirmed: boolean } | null> {
  const row = await db
    .deleteFrom("identity.second_factors")
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .returning("confirmed_at")
    .executeTakeFirst();
  return row === undefined ? null : { confirmed: row.confirmed_at !== null };
}

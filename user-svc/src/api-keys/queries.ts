import { type Kysely, type Selectable, sql } from "kysely";
import type { DB, IdentityApiKeys } from "../tables.gen.ts";
import type { ApiKey } from "./schema.ts";

type Db = Kysely<DB>;

const columns = [
  "api_key_id",
  "name",
  "role",
  "hint",
  "created_by",
  "created_at",
  "expires_at",
  "last_used_at",
  "revoked_at",
] as const;

/** The column keeps to it too. */
const USE_NOTED_EVERY = "1 minute";

/** Whose keys, of which tenant: `createdBy` null means everybody's. */
export interface Reach {
  readonly tenantId: string;
  readonly createdBy: string | null;
}

export async function insertApiKey(
  db: Db,
  tenantId: string,
  key: Pick<ApiKey, "id" | "name" | "role" | "hint" | "createdBy"> & {
    readonly hash: Buffer;
    readonly expiresAt: Date | null;
  },
): Promise<ApiKey> {
  const row = await db
    .insertInto("identity.api_keys")
    .values({
      tenant_id: tenantId,
      api_key_id: key.id,
      key_hash: key.hash,
      name: key.name,
      role: key.role,
      hint: key.hint,
      created_by: key.createdBy,
      expires_at: key.expiresAt,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return apiKeyOf(row);
}

/** Newest first, one more than `limit`; `after` is the last row of the page before. */
export async function listApiKeys(
  db: Db,
  reach: Reach,
  limit: number,
  after: { readonly createdAt: string; readonly id: string } | undefined,
): Promise<ApiKey[]> {
  let query = selectApiKeys(db, reach)
    .orderBy("created_at", "desc")
    .orderBy("api_key_id", "desc")
    .limit(limit + 1);
  if (after !== undefined) {
    query = query.where(
      sql<boolean>`(created_at, api_key_id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`,
    );
  }
  return (await query.execute()).map(apiKeyOf);
}

/** The key, locked until the transaction ends. */
export async function lockApiKey(db: Db, reach: Reach, id: string): Promise<ApiKey | null> {
  const row = await selectApiKeys(db, reach)
    .where("api_key_id", "=", id)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row === undefined ? null : apiKeyOf(row);
}

export async function revokeApiKey(db: Db, tenantId: string, id: string): Promise<ApiKey> {
  const row = await db
    .updateTable("identity.api_keys")
    .set({ revoked_at: sql<Date>`now()` })
    .where("tenant_id", "=", tenantId)
    .where("api_key_id", "=", id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return apiKeyOf(row);
}

/** A key as it is shown to sign in with; whether it is still good is to be looked at. */
export interface PresentedKey {
  readonly id: string;
  readonly role: string;
  readonly rulesVersion: number;
  readonly revoked: boolean;
  readonly expiresAt: Date | null;
  /** Whether its use is to be noted, because that was not done of late. */
  readonly useIsNews: boolean;
}

export async function findPresentedKey(
  db: Db,
  tenantId: string,
  hash: Buffer,
): Promise<PresentedKey | null> {
  const row = await db
    .selectFrom("identity.api_keys as keys")
    .innerJoin("identity.tenants as tenants", "tenants.tenant_id", "keys.tenant_id")
    .select([
      "keys.api_key_id as id",
      "keys.role",
      "tenants.rules_version as rulesVersion",
      "keys.expires_at as expiresAt",
      sql<boolean>`keys.revoked_at is not null`.as("revoked"),
      useIsNews.as("useIsNews"),
    ])
    .where("keys.tenant_id", "=", tenantId)
    .where("keys.key_hash", "=", hash)
    .executeTakeFirst();
  return row ?? null;
}

/** Notes that a key is being used, if that was not done within the last minute. */
export async function noteUse(db: Db, tenantId: string, id: string): Promise<void> {
  await db
    .updateTable("identity.api_keys as keys")
    .set({ last_used_at: sql<Date>`now()` })
    .where("keys.tenant_id", "=", tenantId)
    .where("keys.api_key_id", "=", id)
    .where(useIsNews)
    .execute();
}

const useIsNews = sql<boolean>`
  coalesce(keys.last_used_at < now() - ${sql.lit(USE_NOTED_EVERY)}::interval, true)`;

function selectApiKeys(db: Db, { tenantId, createdBy }: Reach) {
  return db
    .selectFrom("identity.api_keys")
    .select(columns)
    .where("tenant_id", "=", tenantId)
    .$if(createdBy !== null, (query) => query.where("created_by", "=", String(createdBy)));
}

/** Roles are the table's CHECK, which the types cannot see. */
function apiKeyOf(row: Pick<Selectable<IdentityApiKeys>, (typeof columns)[number]>): ApiKey {
  return {
    id: row.api_key_id,
    name: row.name,
    role: row.role as ApiKey["role"],
    hint: row.hint,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}

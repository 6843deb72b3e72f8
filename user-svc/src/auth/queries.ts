import { type Kysely, sql } from "kysely";
import type { DB } from "../tables.gen.ts";
import { type TenantRow, tenantOf } from "../tenant/queries.ts";
import type { Tenant } from "../tenant/schema.ts";
import { totpEnabled, type UserRow, userColumns, userOf } from "../users/queries.ts";
import type { User } from "../users/schema.ts";

type Db = Kysely<DB>;

const NETWORK_KNOWN = "90 days";

/** Works in no tenant's transaction: it is what finds the tenant. */
export async function findTenantId(db: Db, slug: string): Promise<string | null> {
  const { rows } = await sql<{ id: string | null }>`
    select identity.tenant_by_slug(${slug}) as id`.execute(db);
  return rows[0]?.id ?? null;
}

/** A person with the company, as a session tells them. */
export interface Account {
  readonly user: User;
  readonly tenant: Tenant;
}

export interface Credentials extends Account {
  readonly passwordHash: string | null;
  readonly passwordVersion: number;
  /** Whether the user has signed in from that network within 90 days. */
  readonly knownNetwork: boolean;
}

export async function findCredentials(
  db: Db,
  tenantId: string,
  of: { readonly email: string } | { readonly userId: string },
  network: string,
): Promise<Credentials | null> {
  const row = await selectAccounts(db)
    .select((eb) => [
      "users.password_hash as passwordHash",
      "users.password_version as passwordVersion",
      eb
        .exists(
          eb
            .selectFrom("identity.sessions as sessions")
            .whereRef("sessions.tenant_id", "=", "users.tenant_id")
            .whereRef("sessions.user_id", "=", "users.user_id")
            .where("sessions.network", "=", network)
            .where("sessions.created_at", ">", sql<Date>`now() - ${NETWORK_KNOWN}::interval`),
        )
        .as("knownNetwork"),
    ])
    .where("users.tenant_id", "=", tenantId)
    .where((eb) =>
      "email" in of ? eb("users.email", "=", of.email) : eb("users.user_id", "=", of.userId),
    )
    .executeTakeFirst();
  if (row === undefined) return null;
  const { passwordHash, passwordVersion, knownNetwork } = row;
  return { ...accountOf(row), passwordHash, passwordVersion, knownNetwork: knownNetwork === true };
}

/**
 * Whether a user is still active and has still the password that was checked. Until the transaction
 * ends, neither can change: a session that is opened in it is seen by whoever changes them, and ended.
 */
export async function holdCredentials(
  db: Db,
  tenantId: string,
  userId: string,
  passwordVersion: number,
): Promise<boolean> {
  const row = await db
    .selectFrom("identity.users")
    .select("user_id")
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("password_version", "=", passwordVersion)
    .where("status", "=", "active")
    .forShare()
    .executeTakeFirst();
  return row !== undefined;
}

/** Counts a change of what others see of a user, though it is in another table. */
export async function countChange(db: Db, tenantId: string, userId: string): Promise<void> {
  await db
    .updateTable("identity.users")
    .set((eb) => ({ version: eb("version", "+", 1), updated_at: sql<Date>`now()` }))
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .execute();
}

/** Puts a hash of the same password in the place of another; not if that has been replaced since. */
export async function renewPasswordHash(
  db: Db,
  tenantId: string,
  userId: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  await db
    .updateTable("identity.users")
    .set({ password_hash: to })
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .where("password_hash", "=", from)
    .execute();
}

/** Users with their tenants; what both tables have bears a prefix in the tenant. */
export function selectAccounts(db: Db) {
  return db
    .selectFrom("identity.users as users")
    .innerJoin("identity.tenants as tenants", "tenants.tenant_id", "users.tenant_id")
    .select(userColumns)
    .select([
      totpEnabled,
      "tenants.tenant_id",
      "tenants.slug",
      "tenants.name",
      "tenants.time_zone",
      "tenants.country",
      "tenants.currency",
      "tenants.require_totp",
      "tenants.version as tenant_version",
      "tenants.created_at as tenant_created_at",
      "tenants.updated_at as tenant_updated_at",
    ]);
}

interface AccountRow extends UserRow, Omit<TenantRow, "version" | "created_at" | "updated_at"> {
  readonly tenant_version: number;
  readonly tenant_created_at: Date;
  readonly tenant_updated_at: Date;
}

export function accountOf(row: AccountRow): Account {
  return {
    user: userOf(row),
    tenant: tenantOf({
      ...row,
      version: row.tenant_version,
      created_at: row.tenant_created_at,
      updated_at: row.tenant_updated_at,
    }),
  };
}

import { type Kysely, type Selectable, sql } from "kysely";
import type { DB, IdentityTenants } from "../tables.gen.ts";
import type { Tenant, TenantValues } from "./schema.ts";

type Db = Kysely<DB>;

const columns = [
  "tenant_id",
  "slug",
  "name",
  "time_zone",
  "country",
  "currency",
  "require_totp",
  "version",
  "created_at",
  "updated_at",
] as const;

export type TenantRow = Pick<Selectable<IdentityTenants>, (typeof columns)[number]>;

export async function insertTenant(
  db: Db,
  tenant: { readonly id: string; readonly slug: string; readonly name: string },
): Promise<Tenant> {
  const row = await db
    .insertInto("identity.tenants")
    .values({ tenant_id: tenant.id, slug: tenant.slug, name: tenant.name })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return tenantOf(row);
}

/** The tenant of a signed-in caller, which is there as long as the caller is. */
export async function findTenant(db: Db, tenantId: string): Promise<Tenant> {
  const row = await db
    .selectFrom("identity.tenants")
    .select(columns)
    .where("tenant_id", "=", tenantId)
    .executeTakeFirstOrThrow();
  return tenantOf(row);
}

/**
 * The tenant, locked until the transaction ends. Whatever must count or compare rows of the whole
 * tenant before it changes some of them (the last admin, the rules of a role) locks this first, so
 * that such changes happen one after the other. New rows of other tables do not wait for it.
 */
export async function lockTenant(db: Db, tenantId: string): Promise<Tenant> {
  const row = await db
    .selectFrom("identity.tenants")
    .select(columns)
    .where("tenant_id", "=", tenantId)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow();
  return tenantOf(row);
}

export async function updateTenant(
  db: Db,
  tenantId: string,
  values: TenantValues,
): Promise<Tenant> {
  const row = await db
    .updateTable("identity.tenants")
    .set({
      name: values.name,
      time_zone: values.timeZone,
      country: values.country,
      currency: values.currency,
      require_totp: values.requireTotp,
      version: sql<number>`version + 1`,
      updated_at: sql<Date>`now()`,
    })
    .where("tenant_id", "=", tenantId)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return tenantOf(row);
}

/** Roles are the table's CHECK, which the types cannot see. */
export function tenantOf(row: TenantRow): Tenant {
  return {
    id: row.tenant_id,
    slug: row.slug,
    name: row.name,
    timeZone: row.time_zone,
    country: row.country,
    currency: row.currency,
    requireTotp: row.require_totp as Tenant["requireTotp"],
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

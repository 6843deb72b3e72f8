import { type Kysely, sql } from "kysely";
import type { DB } from "../tables.gen.ts";
import type { Permission, Role, Rule, WantedPermission, WeighedRule } from "./schema.ts";

type Db = Kysely<DB>;

/**
 * What decides about a role in a tenant: the defaults, and the tenant's overrides in their place.
 * Everything that asks what somebody may do asks this.
 */
function rulesOf(db: Db, tenantId: string, role: string) {
  return db
    .selectFrom(
      db
        .selectFrom("identity.default_permissions")
        .selectAll()
        .where("role", "=", role)
        .as("defaults"),
    )
    .fullJoin(
      db
        .selectFrom("identity.permission_overrides")
        .selectAll()
        .where("tenant_id", "=", tenantId)
        .where("role", "=", role)
        .as("overrides"),
      (join) =>
        join
          .onRef("overrides.resource", "=", "defaults.resource")
          .onRef("overrides.action", "=", "defaults.action"),
    )
    .select((eb) => [
      eb.fn.coalesce("overrides.resource", "defaults.resource").as("resource"),
      eb.fn.coalesce("overrides.action", "defaults.action").as("action"),
      eb.fn.coalesce("overrides.scope", "defaults.scope").as("scope"),
      eb.fn.coalesce("defaults.scope", sql.lit("none")).as("byDefault"),
      sql<Rule["source"]>`case when overrides.scope is null then 'default' else 'override' end`.as(
        "source",
      ),
    ]);
}

/** What a role may do in a tenant. */
export async function findPermissions(
  db: Db,
  tenantId: string,
  role: string,
): Promise<Permission[]> {
  return (
    db
      .selectFrom(rulesOf(db, tenantId, role).as("rules"))
      .select(["rules.resource", "rules.action", "rules.scope"])
      .where("rules.scope", "!=", "none")
      .orderBy("rules.resource")
      .orderBy("rules.action")
      // The scopes that the tables' CHECKs allow, which the types cannot see.
      .$castTo<Permission>()
      .execute()
  );
}

/** Every permission that there is, and what a role has of it in the tenant. */
export async function findRules(db: Db, tenantId: string, role: Role): Promise<WeighedRule[]> {
  const rules = rulesOf(db, tenantId, role).as("rules");
  return db
    .selectFrom(
      // Of all roles: together they name every permission that there is.
      db
        .selectFrom("identity.default_permissions")
        .select(["resource", "action"])
        .distinct()
        .as("catalogue"),
    )
    .leftJoin(rules, (join) =>
      join
        .onRef("rules.resource", "=", "catalogue.resource")
        .onRef("rules.action", "=", "catalogue.action"),
    )
    .select(["catalogue.resource", "catalogue.action"])
    .select((eb) => [
      eb.fn.coalesce("rules.scope", sql.lit("none")).as("scope"),
      eb.fn.coalesce("rules.source", sql.lit("default")).as("source"),
      eb.fn.coalesce("rules.byDefault", sql.lit("none")).as("byDefault"),
    ])
    .orderBy("catalogue.resource")
    .orderBy("catalogue.action")
    .$castTo<WeighedRule>()
    .execute();
}

/** How often the tenant has changed what a role may do, from 1 on. */
export async function findVersion(db: Db, tenantId: string, role: Role): Promise<number> {
  const row = await db
    .selectFrom("identity.role_versions")
    .select("version")
    .where("tenant_id", "=", tenantId)
    .where("role", "=", role)
    .executeTakeFirst();
  return row?.version ?? 1;
}

/** The one that decides about a permission of a role; null if there is none. */
export async function findRule(
  db: Db,
  tenantId: string,
  role: string,
  { resource, action }: { readonly resource: string; readonly action: string },
): Promise<Rule | null> {
  const rules = rulesOf(db, tenantId, role).as("rules");
  const rule = await db
    .selectFrom(rules)
    .select(["rules.resource", "rules.action", "rules.scope", "rules.source"])
    .where("rules.resource", "=", resource)
    .where("rules.action", "=", action)
    .$castTo<Rule>()
    .executeTakeFirst();
  return rule ?? null;
}

/** Sets the tenant's overrides of a role: these, and no others. Whoever remembers them learns of it. */
export async function replaceOverrides(
  db: Db,
  tenantId: string,
  role: Role,
  overrides: readonly WantedPermission[],
): Promise<void> {
  await db
    .updateTable("identity.tenants")
    .set({ rules_version: sql<number>`rules_version + 1` })
    .where("tenant_id", "=", tenantId)
    .execute();
  await db
    .insertInto("identity.role_versions")
    .values({ tenant_id: tenantId, role, version: 2 })
    .onConflict((conflict) =>
      conflict
        .columns(["tenant_id", "role"])
        .doUpdateSet({ version: sql<number>`role_versions.version + 1` }),
    )
    .execute();
  await db
    .deleteFrom("identity.permission_overrides")
    .where("tenant_id", "=", tenantId)
    .where("role", "=", role)
    .execute();
  if (overrides.length === 0) return;
  await db
    .insertInto("identity.permission_overrides")
    .values(overrides.map((override) => ({ tenant_id: tenantId, role, ...override })))
    .execute();
}

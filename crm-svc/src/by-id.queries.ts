import { type Selectable, sql } from "kysely";
import type { DB } from "./tables.gen.ts";

const KEYS = { "crm.contacts": "contact_id", "crm.interactions": "interaction_id" } as const;

/**
 * The tenant as a subquery, of which the planner knows no value. Else of one that it has not heard of any index
 * that begins with the tenant is as good as another, and all of its rows are read for each that is looked up.
 */
export function unknownTenant(tenantId: string) {
  return sql`(select ${tenantId}::uuid)`;
}

/**
 * The tenant's row of a table that has an id of the query that it is joined to. Each by itself: of a tenant
 * that the planner takes to have next to no rows, a plain join would go through all that there are.
 */
export function rowById<Table extends keyof typeof KEYS, Alias extends string>(
  table: Table,
  { tenantId, id, as }: { readonly tenantId: string; readonly id: string; readonly as: Alias },
) {
  return sql<Selectable<DB[Table]>>`
    (select * from ${sql.table(table)}
     where tenant_id = ${tenantId}::uuid and ${sql.ref(KEYS[table])} = ${sql.ref(id)} offset 0)`.as<Alias>(
    sql.id(as),
  );
}

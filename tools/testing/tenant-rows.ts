import { withClient } from "../local/database.ts";

/** All rows of a tenant, as text and in a fixed order, by `schema.table`. */
export type TenantRows = ReadonlyMap<string, readonly string[]>;

/**
 * Reads every table that has a `tenant_id`, as the owner, whom no policy binds. Throws if there is none
 * with a row of the tenant.
 */
export async function tenantRows(ownerUrl: string, tenantId: string): Promise<TenantRows> {
  return withClient(ownerUrl, async (owner) => {
    const { rows: tables } = await owner.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name
       FROM information_schema.columns JOIN information_schema.tables
         USING (table_catalog, table_schema, table_name)
       WHERE column_name = 'tenant_id' AND table_type = 'BASE TABLE'
       ORDER BY name`,
    );
    const found = new Map<string, readonly string[]>();
    for (const { name } of tables) {
      const { rows } = await owner.query<{ row: string }>(
        `SELECT to_jsonb(t)::text AS row FROM ${name} t WHERE tenant_id = $1 ORDER BY row`,
        [tenantId],
      );
      if (rows.length > 0)
        found.set(
          name,
          rows.map(({ row }) => row),
        );
    }
    if (found.size === 0) throw new Error(`there is no row of the tenant ${tenantId}`);
    return found;
  });
}

import { afterAll, expect, test } from "bun:test";
import pg from "pg";
import { testDatabase } from "../../../tools/testing/database.ts";

const files = await testDatabase();
const app = new pg.Client({ connectionString: files.appUrl });
await app.connect();

afterAll(async () => {
  await app.end();
  await files.drop();
});

const TENANTS = 20;
const CONTACTS = 1_000;

/** Enough rows, of enough tenants, that reading them all would be the dearer plan. */
async function fill(): Promise<string> {
  const owner = new pg.Client({ connectionString: files.ownerUrl });
  await owner.connect();
  await owner.query(`
    insert into identity.tenants (tenant_id, slug, name)
    select gen_random_uuid(), 'tenant-' || n, 'Tenant' from generate_series(1, ${TENANTS}) n`);
  await owner.query(`
    insert into crm.contacts (tenant_id, contact_id, first_name, last_name, email)
    select tenant_id, gen_random_uuid(), 'Given' || n % 100, 'Family' || n, 'p' || n || '@example.com'
    from identity.tenants, generate_series(1, ${CONTACTS}) n`);
  await owner.query("analyze");
  const { rows } = await owner.query<{ tenant_id: string }>(
    "select tenant_id from identity.tenants limit 1",
  );
  await owner.end();
  return rows[0]?.tenant_id ?? "";
}

/** How often a statement, run as crm_app, reads the search index, and all of the table. */
async function reads(statement: string) {
  await app.query("begin");
  await app.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
  const { rows } = await app.query(statement);
  const counted = await app.query(`
    select pg_stat_get_xact_numscans('crm.contacts_search'::regclass)::int as by_index,
           pg_stat_get_xact_numscans('crm.contacts'::regclass)::int as of_all`);
  await app.query("rollback");
  return { found: rows.length, ...counted.rows[0] };
}

const tenantId = await fill();

test("search as crm_app reads its index, and not all of the tenant's rows", async () => {
  const found = await reads(
    `select * from crm.search_contacts(to_tsquery('crm.names', 'family77'),
       to_tsquery('crm.names', '''family77'':*'), null, null, null, 25)`,
  );
  expect(found).toEqual({ found: 11, by_index: 1, of_all: 0 });
});

test("under the table's policy alone the words cannot be looked up: hence the function", async () => {
  await app.query("begin");
  await app.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
  const { rows } = await app.query<{ "QUERY PLAN": string }>(`
    explain select * from crm.contacts
    where search @@ to_tsquery('crm.names', '''family77'':*') and deleted_at is null`);
  await app.query("rollback");
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("search @@");
  expect(plan).not.toMatch(/Index Cond: .*search @@/);
});

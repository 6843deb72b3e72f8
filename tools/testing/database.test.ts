import { afterAll, expect, test } from "bun:test";
import { withClient } from "../local/database.ts";
import { testDatabase } from "./database.ts";

const database = await testDatabase();
afterAll(() => database.drop());

async function attributes(url: string) {
  return withClient(url, async (client) => {
    const { rows } = await client.query(
      `SELECT current_user AS role, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,
              pg_has_role('crm_owner', 'usage') AS owner,
              has_database_privilege(current_database(), 'CREATE') AS may_create,
              has_database_privilege(current_database(), 'TEMPORARY') AS may_make_temporary_tables,
              has_schema_privilege('public', 'CREATE') AS may_create_in_public
       FROM pg_roles WHERE rolname = current_user`,
    );
    return rows[0];
  });
}

const powerless = {
  rolsuper: false,
  rolbypassrls: false,
  rolcreaterole: false,
  rolcreatedb: false,
};

test("crm_app has no power over the database it serves from", async () => {
  expect(await attributes(database.appUrl)).toEqual({
    role: "crm_app",
    ...powerless,
    owner: false,
    may_create: false,
    may_make_temporary_tables: false,
    may_create_in_public: false,
  });
});

test("crm_owner owns the database and nothing beyond it", async () => {
  expect(await attributes(database.ownerUrl)).toEqual({
    role: "crm_owner",
    ...powerless,
    owner: true,
    may_create: true,
    may_make_temporary_tables: true,
    may_create_in_public: true,
  });
});

test("crm_app's statements are planned by costs that somebody has chosen", async () => {
  const settings = await withClient(database.appUrl, async (app) => {
    const { rows } = await app.query<{ name: string }>(
      `SELECT split_part(unnest(rolconfig), '=', 1) AS name FROM pg_roles
       WHERE rolname = current_user`,
    );
    return rows.map(({ name }) => name);
  });
  expect(settings).toEqual(expect.arrayContaining(["jit", "random_page_cost"]));
});

test("letters of every script are letters", async () => {
  const { rows } = await withClient(database.appUrl, (client) =>
    client.query("SELECT upper('łñωї') AS upper, 'Straße山' ~ '^[[:alpha:]]+$' AS letters"),
  );
  expect(rows).toEqual([{ upper: "ŁÑΩЇ", letters: true }]);
});

test("copies can be made side by side, and do not see each other's rows", async () => {
  const copies = await Promise.all([testDatabase(), testDatabase(), testDatabase()]);
  const tenants = copies.map(({ ownerUrl }, index) =>
    withClient(ownerUrl, async (owner) => {
      await owner.query(
        "INSERT INTO identity.tenants (tenant_id, slug, name) VALUES (gen_random_uuid(), $1, 'x')",
        [`tenant-${index}`],
      );
      const { rows } = await owner.query("SELECT slug FROM identity.tenants");
      return rows;
    }),
  );
  expect(await Promise.all(tenants)).toEqual([
    [{ slug: "tenant-0" }],
    [{ slug: "tenant-1" }],
    [{ slug: "tenant-2" }],
  ]);
  await Promise.all(copies.map((copy) => copy.drop()));
});

test("a dropped database is gone, even while somebody is connected to it", async () => {
  const copy = await testDatabase();
  await withClient(copy.appUrl, async () => copy.drop());
  await expect(withClient(copy.appUrl, async () => {})).rejects.toThrow("does not exist");
});

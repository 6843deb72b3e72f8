import { afterAll, expect, test } from "bun:test";
import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { withClient } from "../../../tools/local/database.ts";
import { testDatabase } from "../../../tools/testing/database.ts";
import type { DB } from "../tables.gen.ts";
import { insertContact, lockContact, updateContact } from "./queries.ts";
import { newContact } from "./rules.ts";

const database = await testDatabase();
const pool = new pg.Pool({ connectionString: database.appUrl, max: 2 });
const app = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
const tenantId = Bun.randomUUIDv7();
await withClient(database.ownerUrl, (owner) =>
  owner.query(
    "insert into identity.tenants (tenant_id, slug, name) values ($1, 'company', 'Company')",
    [tenantId],
  ),
);

afterAll(async () => {
  await app.destroy();
  await database.drop();
});

test("a change is not dated before the one that it follows, though its transaction began earlier", async () => {
  const begin = async () => {
    const db = await app.startTransaction().execute();
    await sql`select set_config('app.tenant_id', ${tenantId}, true), now()`.execute(db);
    return db;
  };
  const id = Bun.randomUUIDv7();
  const early = await begin();
  // Times are kept to the millisecond.
  await Bun.sleep(5);
  const late = await begin();
  const values = await insertContact(late, tenantId, id, newContact({ firstName: "Ada" }, null));
  const before = await updateContact(late, tenantId, id, { ...values, title: "First" });
  await late.commit().execute();
  await lockContact(early, { tenantId, ownedBy: null }, id);
  const after = await updateContact(early, tenantId, id, { ...values, title: "Second" });
  await early.commit().execute();
  expect(after.version).toBe(before.version + 1);
  expect(after.updatedAt >= before.updatedAt).toBe(true);
});

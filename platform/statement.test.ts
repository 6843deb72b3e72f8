import { afterAll, expect, test } from "bun:test";
import { type Kysely, sql } from "kysely";
import { testDatabase } from "../tools/testing/database.ts";
import { openDatabase } from "./database.ts";
import { type PlaceholderOf, statement } from "./statement.ts";

interface Tables {
  "identity.tenants": { tenant_id: string; slug: string; name: string };
}

const files = await testDatabase();
const database = openDatabase<Tables>({
  url: files.appUrl,
  maxConnections: 2,
  onConnectionError: () => {},
});
afterAll(async () => {
  await database.close();
  await files.drop();
});

const bounds = (tenantId: string) => ({ tenantId, deadline: Date.now() + 10_000 });

test("a statement is built once and takes its values by name, in the transaction that it is given", async () => {
  let built = 0;
  const insertTenant = statement(
    (db: Kysely<Tables>, value: PlaceholderOf<{ slug: string; id: string }>) => {
      built++;
      return db
        .insertInto("identity.tenants")
        .values({ tenant_id: value("id"), slug: value("slug"), name: "the same for all" })
        .returning(["slug", "name", sql<boolean>`${value("slug")}::text = slug`.as("again")]);
    },
  );
  for (const slug of ["built-a", "built-b", "built-c"]) {
    const id = Bun.randomUUIDv7();
    const rows = await database.transaction(bounds(id), (db) => insertTenant(db, { slug, id }));
    expect(rows).toEqual([{ slug, name: "the same for all", again: true }]);
  }
  expect(built).toBe(1);
});

test("values are parameters, whatever they hold", async () => {
  const echo = statement((db: Kysely<Tables>, value: PlaceholderOf<{ text: string | null }>) =>
    db.selectNoFrom(sql<string | null>`${value("text")}::text`.as("text")),
  );
  const db = database.reader(bounds(Bun.randomUUIDv7()));
  expect(await echo(db, { text: "'; drop table x; --" })).toEqual([
    { text: "'; drop table x; --" },
  ]);
  expect(await echo(db, { text: null })).toEqual([{ text: null }]);
});

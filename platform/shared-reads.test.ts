import { afterAll, expect, test } from "bun:test";
import { type Kysely, sql } from "kysely";
import { testDatabase } from "../tools/testing/database.ts";
import { openDatabase } from "./database.ts";
import { Failure } from "./errors.ts";

interface Tables {
  "identity.tenants": { tenant_id: string; slug: string; name: string };
}

const files = await testDatabase();
const database = openDatabase<Tables>({
  url: files.appUrl,
  maxConnections: 3,
  onConnectionError: () => {},
});
afterAll(async () => {
  await database.close();
  await files.drop();
});

const bounds = (tenantId: string, ms = 10_000) => ({ tenantId, deadline: Date.now() + ms });

async function addTenant(slug: string): Promise<string> {
  const tenantId = Bun.randomUUIDv7();
  await database.transaction(bounds(tenantId), (db) =>
    db.insertInto("identity.tenants").values({ tenant_id: tenantId, slug, name: slug }).execute(),
  );
  return tenantId;
}

async function slugs(db: Kysely<Tables>): Promise<string[]> {
  const rows = await db.selectFrom("identity.tenants").select("slug").execute();
  return rows.map(({ slug }) => slug);
}

const kindOf = (error: unknown): unknown => (error instanceof Failure ? error.kind : error);

test("reads that share a connection see the rows of their own tenant only", async () => {
  const names = Array.from({ length: 40 }, (_, n) => `sharing-${n}`);
  const tenants = await Promise.all(names.map(addTenant));
  const seen = await Promise.all(
    tenants.map((tenantId) => slugs(database.sharedReader(bounds(tenantId)))),
  );
  expect(seen).toEqual(names.map((name) => [name]));
});

test("those of one turn of the event loop go to one connection, but not too many of them", async () => {
  const pid = async (): Promise<number | undefined> => {
    const db = database.sharedReader(bounds(Bun.randomUUIDv7()));
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
    return rows[0]?.pid;
  };
  const pids = await Promise.all(Array.from({ length: 17 }, pid));
  expect(new Set(pids.slice(0, 16)).size).toBe(1);
  expect(pids[16]).not.toBe(pids[0]);
});

test("one that fails, or is too late, is nothing to the others", async () => {
  const tenantId = await addTenant("beside");
  const read = () => slugs(database.sharedReader(bounds(tenantId)));
  const reads = [
    read(),
    sql`select 1 / 0`.execute(database.sharedReader(bounds(tenantId))),
    read(),
    slugs(database.sharedReader(bounds(tenantId, -1))),
    sql`select pg_sleep(60)`.execute(database.sharedReader(bounds(tenantId, 200))),
    read(),
  ];
  const outcomes = await Promise.all(reads.map((each) => each.catch(kindOf)));
  const seen = ["beside"];
  const divided = expect.objectContaining({ code: "22012" });
  expect(outcomes).toEqual([seen, divided, seen, "deadline", "deadline", seen]);
});

test("a read whose settings fail does not run", async () => {
  const tenantId = await addTenant("unsettled");
  const single = openDatabase<Tables>({
    url: files.appUrl,
    maxConnections: 1,
    onConnectionError: () => {},
  });
  await slugs(single.reader(bounds(tenantId)));
  // The settings are sent before it, so it must not have seen those of the read before.
  const unsettled = single.reader({ tenantId, deadline: Number.NaN });
  expect(await slugs(unsettled).catch((error: unknown) => error)).toMatchObject({ code: "22023" });
  expect(await slugs(single.reader(bounds(tenantId)))).toEqual(["unsettled"]);
  await single.close();
});

test("when their connection is lost, all of them are unavailable, and the next ones are not", async () => {
  const tenantId = await addTenant("lost");
  const lost = [
    sql`select pg_terminate_backend(pg_backend_pid())`.execute(
      database.sharedReader(bounds(tenantId)),
    ),
    slugs(database.sharedReader(bounds(tenantId))),
  ];
  const outcomes = await Promise.all(lost.map((each) => each.catch(kindOf)));
  expect(outcomes).toEqual(["unavailable", "unavailable"]);
  expect(await slugs(database.sharedReader(bounds(tenantId)))).toEqual(["lost"]);
});

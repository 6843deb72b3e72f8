import { afterAll, expect, test } from "bun:test";
import { sql } from "kysely";
import { testDatabase } from "../tools/testing/database.ts";
import { openDatabase } from "./database.ts";
import { openMetrics } from "./metrics.ts";

interface Tables {
  "identity.tenants": { tenant_id: string; slug: string; name: string };
}

const files = await testDatabase();
const metrics = openMetrics();
const database = openDatabase<Tables>({
  url: files.appUrl,
  maxConnections: 1,
  onConnectionError: () => {},
  metrics,
});
afterAll(async () => {
  await database.close();
  await files.drop();
});

const tenantId = Bun.randomUUIDv7();
const bounds = () => ({ tenantId, deadline: Date.now() + 10_000 });

/** How often each statement was measured, and how long in all. */
async function measured(): Promise<ReadonlyMap<string, { count: number; sum: number }>> {
  const { values } = await metrics.statements.get();
  const of = (suffix: string) =>
    new Map(
      values
        .filter(({ metricName }) => metricName?.endsWith(suffix))
        .map(({ labels, value }) => [String(labels.statement), value]),
    );
  const sums = of("_sum");
  return new Map(
    [...of("_count")].map(([name, count]) => [name, { count, sum: sums.get(name) ?? 0 }]),
  );
}

test("every statement is measured, whoever sends it and however it ends", async () => {
  await database.transaction(bounds(), async (db) => {
    const row = { tenant_id: tenantId, slug: "measured", name: "M" };
    await db.insertInto("identity.tenants").values(row).execute();
    await sql`select pg_sleep(0.05)`.execute(db);
  });
  const read = (db: ReturnType<typeof database.reader>) =>
    db.selectFrom("identity.tenants").select("slug").execute();
  await read(database.reader(bounds()));
  await Promise.all([read(database.sharedReader(bounds())), read(database.sharedReader(bounds()))]);
  await sql`select 1 / 0 from identity.tenants`.execute(database.reader(bounds())).catch(() => {});

  const found = await measured();
  expect(Object.fromEntries([...found].map(([name, { count }]) => [name, count]))).toEqual({
    "insert identity.tenants": 1,
    select: 1,
    commit: 1,
    "select identity.tenants": 4,
  });
  expect(found.get("select")?.sum).toBeWithin(0.05, 5);
});

test("the pool tells who is busy, idle and waiting", async () => {
  const held = Promise.withResolvers<void>();
  const going = Promise.withResolvers<void>();
  const holding = database.transaction(bounds(), async (db) => {
    await sql`select 1`.execute(db);
    going.resolve();
    await held.promise;
  });
  await going.promise;
  const waiting = database.ping(Date.now() + 10_000);
  await Bun.sleep(0);
  const during = await metrics.scrape();
  held.resolve();
  await Promise.all([holding, waiting]);
  const after = await metrics.scrape();
  expect(during).toContain('database_connections{state="busy"} 1');
  expect(during).toContain('database_connections{state="idle"} 0');
  expect(during).toContain("database_connection_waiters 1");
  expect(after).toContain('database_connections{state="busy"} 0');
  expect(after).toContain('database_connections{state="idle"} 1');
  expect(after).toContain("database_connection_waiters 0");
  expect(after).toContain("database_connections_max 1");
});

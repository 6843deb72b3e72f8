import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CompiledQuery, type Kysely, sql } from "kysely";
import pg from "pg";
import { testDatabase } from "../tools/testing/database.ts";
import { type Database, openDatabase } from "./database.ts";
import { violatedConstraint } from "./database-errors.ts";
import { Failure } from "./errors.ts";

interface Tables {
  "identity.tenants": { tenant_id: string; slug: string; name: string };
}

const files = await testDatabase();
const lost: string[] = [];
let database: Database<Tables>;

beforeAll(() => {
  database = open(files.appUrl, 4);
});

afterAll(async () => {
  await database.close();
  await files.drop();
});

function open(url: string, maxConnections: number): Database<Tables> {
  return openDatabase({
    url,
    maxConnections,
    onConnectionError: (error) => lost.push(error.message),
  });
}

const soon = (): number => Date.now() + 10_000;
const bounds = (tenantId: string) => ({ tenantId, deadline: soon() });

async function addTenant(slug: string): Promise<string> {
  const tenantId = Bun.randomUUIDv7();
  await database.transaction(bounds(tenantId), (db) =>
    db.insertInto("identity.tenants").values({ tenant_id: tenantId, slug, name: slug }).execute(),
  );
  return tenantId;
}

const slugs = async (db: Kysely<Tables>): Promise<string[]> => {
  const rows = await db.selectFrom("identity.tenants").select("slug").execute();
  return rows.map((row) => row.slug);
};

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "no failure",
    (error: unknown) => (error instanceof Failure ? error.kind : error),
  );
}

describe("a query that forgets its tenant", () => {
  test("sees the rows of the transaction's tenant only", async () => {
    const [ours, theirs] = await Promise.all([addTenant("forgets-a"), addTenant("forgets-b")]);
    expect(await slugs(database.reader(bounds(ours)))).toEqual(["forgets-a"]);
    expect(await database.transaction(bounds(theirs), slugs)).toEqual(["forgets-b"]);
  });

  test("sees nothing outside of every tenant", async () => {
    await addTenant("forgets-c");
    expect(await slugs(database.outsideTenants(soon()))).toEqual([]);
  });

  test("sees nothing with a connection of its own, even after others used it", async () => {
    const tenantId = await addTenant("forgets-d");
    const single = open(files.appUrl, 1);
    await slugs(single.reader(bounds(tenantId)));
    expect(await slugs(single.outsideTenants(soon()))).toEqual([]);
    await single.close();
  });

  test("cannot write another tenant's row", async () => {
    const [ours, theirs] = await Promise.all([addTenant("forgets-e"), addTenant("forgets-f")]);
    const stolen = database.transaction(bounds(ours), (db) =>
      db
        .updateTable("identity.tenants")
        .set({ name: "stolen" })
        .where("tenant_id", "=", theirs)
        .executeTakeFirst(),
    );
    expect((await stolen).numUpdatedRows).toBe(0n);
    const planted = database.transaction(bounds(ours), (db) =>
      db
        .insertInto("identity.tenants")
        .values({ tenant_id: Bun.randomUUIDv7(), slug: "planted", name: "x" })
        .execute(),
    );
    expect(await failureOf(planted)).toMatchObject({ code: "42501" });
  });
});

describe("a tenant that cannot be set", () => {
  test("fails the read, and leaves the connection usable", async () => {
    const tenantId = await addTenant("unset-a");
    const single = open(files.appUrl, 1);
    expect(await failureOf(slugs(single.reader(bounds("not-a-uuid"))))).toMatchObject({
      code: "22P02",
    });
    expect(await slugs(single.reader(bounds(tenantId)))).toEqual(["unset-a"]);
    await single.close();
  });

  test("fails before anything runs once the deadline has passed", async () => {
    const late = database.reader({ tenantId: Bun.randomUUIDv7(), deadline: Date.now() - 1 });
    expect(await failureOf(slugs(late))).toBe("deadline");
  });
});

describe("a transaction", () => {
  test("is undone when its body throws", async () => {
    const tenantId = Bun.randomUUIDv7();
    const undone = database.transaction(bounds(tenantId), async (db) => {
      await db
        .insertInto("identity.tenants")
        .values({ tenant_id: tenantId, slug: "undone", name: "x" })
        .execute();
      throw new Error("changed my mind");
    });
    expect(await failureOf(undone)).toEqual(new Error("changed my mind"));
    expect(await slugs(database.reader(bounds(tenantId)))).toEqual([]);
  });

  test("that was aborted does not count as committed, though its error was swallowed", async () => {
    const tenantId = Bun.randomUUIDv7();
    const aborted = database.transaction(bounds(tenantId), async (db) => {
      await db
        .insertInto("identity.tenants")
        .values({ tenant_id: tenantId, slug: "aborted", name: "x" })
        .execute();
      await sql`select 1 / 0`.execute(db).catch(() => "swallowed");
    });
    expect(await failureOf(aborted)).toEqual(new Error("the transaction ended with ROLLBACK"));
    expect(await slugs(database.reader(bounds(tenantId)))).toEqual([]);
  });

  test("says which constraint a statement broke", async () => {
    await addTenant("constraint");
    const error = await addTenant("constraint").catch((thrown: unknown) => thrown);
    expect(violatedConstraint(error)).toBe("tenants_slug_key");
  });

  test("runs again after a deadlock", async () => {
    const tenantId = await addTenant("deadlock");
    const lock = (db: Kysely<Tables>, key: number) =>
      sql`select pg_advisory_xact_lock(${key}::bigint)`.execute(db);
    const bothHold = Promise.withResolvers<void>();
    let holding = 0;
    let runs = 0;
    const crossing = (first: number, second: number) =>
      database.transaction(bounds(tenantId), async (db) => {
        runs++;
        await lock(db, first);
        if (++holding === 2) bothHold.resolve();
        await bothHold.promise;
        await lock(db, second);
      });
    await Promise.all([crossing(81_001, 81_002), crossing(81_002, 81_001)]);
    expect(runs).toBe(3);
  });
});

test("a read cannot write", async () => {
  const tenantId = await addTenant("reader");
  const written = database
    .reader(bounds(tenantId))
    .updateTable("identity.tenants")
    .set({ name: "x" })
    .execute();
  expect(await failureOf(written)).toMatchObject({ code: "25006" });
});

test("a reader that plans each statement prepares none, and sees one tenant all the same", async () => {
  const tenantId = await addTenant("planned");
  const single = open(files.appUrl, 1);
  for (let times = 0; times < 2; times++) {
    expect(await slugs(single.reader({ ...bounds(tenantId), planEach: true }))).toEqual([
      "planned",
    ]);
  }
  const prepared = async (): Promise<number> => {
    const texts = sql<{ name: string }>`
      select name from pg_prepared_statements where statement like '%identity%tenants%'`;
    return (await texts.execute(single.reader(bounds(tenantId)))).rows.filter(({ name }) =>
      /^s\d+$/.test(name),
    ).length;
  };
  // The question itself is one of them.
  expect(await prepared()).toBe(1);
  await slugs(single.reader(bounds(tenantId)));
  expect(await prepared()).toBe(2);
  await single.close();
});

test("a statement ends at the deadline", async () => {
  const db = database.reader({ tenantId: Bun.randomUUIDv7(), deadline: Date.now() + 200 });
  expect(await failureOf(sql`select pg_sleep(60)`.execute(db))).toBe("deadline");
});

test("a connection that PostgreSQL ends in mid-statement is unavailable, then replaced", async () => {
  const tenantId = await addTenant("terminated");
  const victim = open(files.appUrl, 1);
  const [{ pid } = { pid: 0 }] = (
    await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(
      victim.reader(bounds(tenantId)),
    )
  ).rows;
  const sleeping = failureOf(sql`select pg_sleep(60)`.execute(victim.reader(bounds(tenantId))));
  const owner = new pg.Client({ connectionString: files.appUrl });
  await owner.connect();
  for (;;) {
    const { rows } = await owner.query(
      "select state from pg_stat_activity where pid = $1 and query like '%pg_sleep%'",
      [pid],
    );
    if (rows[0]?.state === "active") break;
  }
  await owner.query("select pg_terminate_backend($1)", [pid]);
  await owner.end();
  expect(await sleeping).toBe("unavailable");
  expect(await slugs(victim.reader(bounds(tenantId)))).toEqual(["terminated"]);
  await victim.close();
});

test("a database that is not there is unavailable", async () => {
  const absent = open("postgres://crm_app@127.0.0.1:1/nowhere", 1);
  expect(await failureOf(absent.ping(soon()))).toBe("unavailable");
  await absent.close();
});

test("a role that row-level security would not bind is told apart", async () => {
  expect(await database.tooPowerful()).toBeNull();
  const owner = open(files.ownerUrl, 1);
  expect(await owner.tooPowerful()).toBe("owns tables");
  await owner.close();
});

test("more texts than are named still run", async () => {
  const db = database.reader(bounds(Bun.randomUUIDv7()));
  for (let text = 0; text < 1_010; text++) {
    const { rows } = await db.executeQuery(CompiledQuery.raw(`select ${text} as text`));
    expect(rows).toEqual([{ text }]);
  }
});

import { afterAll, expect, test } from "bun:test";
import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { withClient } from "../../tools/local/database.ts";
import { testDatabase } from "../../tools/testing/database.ts";
import { readsOf } from "../../tools/testing/reads.ts";
import { listPairs, listQueued } from "./duplicates/pairs.queries.ts";
import { lockResults } from "./imports/undo-queries.ts";
import { listInteractions } from "./interactions/queries.ts";
import { moveRows, returnRows } from "./merges/moves.queries.ts";
import { insertMerge } from "./merges/queries.ts";
import type { DB } from "./tables.gen.ts";

// Of a tenant that came after the last ANALYZE the planner thinks that it has nothing, and that to go through
// all of it is as good as to look up what is wanted.

const ROWS = 4_000;
const WANTED = 100;
const OWNED = 20;

interface Tenant {
  readonly tenantId: string;
  /** Who owns some of the contacts, which are neighbours by id. */
  readonly ownerId: string;
  readonly importId: string;
}

const database = await testDatabase();
const pool = new pg.Pool({ connectionString: database.appUrl, max: 1 });
const app = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });

afterAll(async () => {
  await app.destroy();
  await database.drop();
});

/** A tenant whose contacts are all of one import, each with an interaction, and with the next by id a duplicate. */
async function fill(owner: pg.Client): Promise<Tenant> {
  const tenant = {
    tenantId: Bun.randomUUIDv7(),
    ownerId: Bun.randomUUIDv7(),
    importId: Bun.randomUUIDv7(),
  };
  const { tenantId, ownerId, importId } = tenant;
  const one = [tenantId];
  await owner.query(
    `insert into identity.tenants (tenant_id, slug, name) values ($1::uuid, 't-' || $1::uuid, 'T')`,
    one,
  );
  await owner.query(
    `insert into crm.contacts (tenant_id, contact_id, last_name)
     select $1, gen_random_uuid(), 'Family' || n from generate_series(1, ${ROWS}) n`,
    one,
  );
  await owner.query(
    `insert into identity.users (tenant_id, user_id, email, full_name, role)
     values ($1, $2, 'u@company.example', 'User', 'sales')`,
    [tenantId, ownerId],
  );
  await owner.query(
    `update crm.contacts set owner_user_id = $2
     where tenant_id = $1 and contact_id in (
       select contact_id from crm.contacts where tenant_id = $1 order by contact_id
       offset ${ROWS / 2} limit ${OWNED})`,
    [tenantId, ownerId],
  );
  await owner.query(
    `insert into crm.interactions (tenant_id, interaction_id, contact_id, type, occurred_at)
     select tenant_id, gen_random_uuid(), contact_id, 'call', now() - random() * interval '9 days'
     from crm.contacts where tenant_id = $1`,
    one,
  );
  await owner.query(
    `insert into crm.duplicate_pairs (tenant_id, first_id, second_id, score, reasons)
     select tenant_id, contact_id, next, random(), '{name}'
     from (select tenant_id, contact_id, lead(contact_id) over (order by contact_id) as next
           from crm.contacts where tenant_id = $1) contacts
     where next is not null`,
    one,
  );
  await owner.query(
    `insert into crm.imports (tenant_id, import_id, status, mode, dry_run, mapping, created_by)
     values ($1, $2, 'undoing', 'skip', false, '{}', gen_random_uuid())`,
    [tenantId, importId],
  );
  await owner.query(
    `insert into crm.import_results (tenant_id, import_id, contact_id, line, version)
     select tenant_id, $2, contact_id, row_number() over (), 1 from crm.contacts where tenant_id = $1`,
    [tenantId, importId],
  );
  return tenant;
}

const tenants = await withClient(database.ownerUrl, async (owner) => {
  const known = await fill(owner);
  // Were it alone, the planner would read all there is.
  for (let others = 0; others < 2; others++) await fill(owner);
  await owner.query("analyze");
  return { known, unknown: await fill(owner) };
});

type Run = (db: Kysely<DB>, tenant: Tenant) => Promise<readonly unknown[]>;

const statements: [name: string, run: Run][] = [
  ["the queue of contacts to compare", (db, { tenantId }) => listQueued(db, tenantId, WANTED)],
  [
    "a page of duplicates",
    (db, { tenantId }) => listPairs(db, { tenantId, ownedBy: null }, WANTED - 1, undefined),
  ],
  [
    "a page of interactions",
    (db, { tenantId }) =>
      listInteractions(db, { tenantId, ownedBy: null }, {}, WANTED - 1, undefined),
  ],
  ["what an import did", (db, tenant) => lockResults(db, tenant, WANTED)],
];

test.each(
  statements.flatMap(([name, run]) =>
    (["known", "unknown"] as const).map((tenant) => [name, tenant, run] as const),
  ),
)("%s: no more is read, of a tenant that is %s to the planner", (_, which, run) =>
  expectFewReads(tenants[which], WANTED, run),
);

// Of an unknown one all pairs are read, once.
test("somebody's own duplicates are found from the contacts, where these are few", () =>
  expectFewReads(tenants.known, OWNED - 1, (db, { tenantId, ownerId }) =>
    listPairs(db, { tenantId, ownedBy: ownerId }, WANTED - 1, undefined),
  ));

test.each(["known", "unknown"] as const)(
  "what an import did to some contacts locks these and no more, of a tenant that is %s",
  async (which) => {
    const { tenantId, importId } = tenants[which];
    await app.transaction().execute(async (db) => {
      await sql`select set_config('app.tenant_id', ${tenantId}, true)`.execute(db);
      await lockResults(db, { tenantId, importId }, WANTED);
      const free = await withClient(database.ownerUrl, (owner) =>
        owner.query("select from crm.contacts where tenant_id = $1 for update skip locked", [
          tenantId,
        ]),
      );
      expect(free.rowCount).toBe(ROWS - WANTED);
    });
  },
);

test.each(["known", "unknown"] as const)(
  "what is a merged contact's moves and goes back without more being read, of a tenant that is %s",
  async (which) => {
    const { tenantId } = tenants[which];
    const db = await app.startTransaction().execute();
    try {
      await sql`select set_config('app.tenant_id', ${tenantId}, true)`.execute(db);
      const contacts = await db
        .selectFrom("crm.contacts")
        .select("contact_id")
        .where("tenant_id", "=", tenantId)
        .limit(WANTED / 10)
        .execute();
      const [targetId = "", ...sourceIds] = contacts.map((row) => row.contact_id);
      const move = { tenantId, mergeId: Bun.randomUUIDv7(), targetId, sourceIds };
      await insertMerge(db, tenantId, { ...move, changed: {}, userId: null });
      const reads = await readsOf(db, "crm", async () => {
        expect(await moveRows(db, "interaction", move)).toBe(sourceIds.length);
        expect(await returnRows(db, "interaction", move)).toEqual({
          back: sourceIds.length,
          kept: [],
        });
      });
      expect(Object.entries(reads).filter(([, rows]) => rows > WANTED)).toEqual([]);
    } finally {
      await db.rollback().execute();
    }
  },
);

async function expectFewReads(tenant: Tenant, found: number, run: Run): Promise<void> {
  await app.transaction().execute(async (db) => {
    await sql`select set_config('app.tenant_id', ${tenant.tenantId}, true)`.execute(db);
    const reads = await readsOf(db, "crm", async () => {
      expect(await run(db, tenant)).toHaveLength(found);
    });
    for (const [name, rows] of Object.entries(reads)) {
      expect({ name, rows, few: rows <= 3 * WANTED }).toMatchObject({ few: true });
    }
  });
}

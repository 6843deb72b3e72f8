import { afterAll, beforeAll, expect, test } from "bun:test";
import { kyselyOn } from "@crm/platform/kysely-on";
import type { Kysely } from "kysely";
import pg from "pg";
import { fillInteractions } from "../../../bench/interactions/data.ts";
import { fillLeads } from "../../../bench/leads/data.ts";
import { withClient } from "../../../tools/local/database.ts";
import { testDatabase } from "../../../tools/testing/database.ts";
import type { DB } from "../tables.gen.ts";
import { listTimeline } from "../timeline/queries.ts";
import { wanted } from "../timeline/rules.ts";
import { measure } from "./metrics/queries.ts";
import { listInteractions, type RowFilter } from "./queries.ts";
import { claimNext, listQueue } from "./review/queries.ts";

// Under the policy a predicate that is not leakproof cannot use an index: here is what these rest on.

const database = await testDatabase();
const tenantId = Bun.randomUUIDv7();
const reach = { tenantId, ownedBy: null };
const app = new pg.Client(database.appUrl);
const plans: string[] = [];
let contactId = "";

/** Runs nothing, and notes how PostgreSQL would run it. */
const explained: Kysely<DB> = kyselyOn(async ({ sql, parameters }) => {
  const { rows } = await app.query<{ "QUERY PLAN": string }>(`explain ${sql}`, [...parameters]);
  plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
  return { rows: [], rowCount: 0, command: "EXPLAIN", oid: 0, fields: [] };
});

beforeAll(async () => {
  await app.connect();
  await withClient(database.ownerUrl, async (owner) => {
    // The tenant is one of two, as everywhere but in benchmarks.
    for (const id of [Bun.randomUUIDv7(), tenantId]) {
      await owner.query(
        "INSERT INTO identity.tenants (tenant_id, slug, name) VALUES ($1, $2, 'N')",
        [id, `t-${id}`],
      );
      await owner.query(
        `INSERT INTO crm.contacts (tenant_id, contact_id, last_name)
         SELECT $1, gen_random_uuid(), 'N' FROM generate_series(1, 200)`,
        [id],
      );
      const counts = { interactions: 20_000, ofBusiestContact: 5_000, users: 20 };
      contactId = await fillInteractions(database.ownerUrl, id, counts);
      await fillLeads(database.ownerUrl, id, { leads: 5_000, users: 20 });
      await owner.query(
        `INSERT INTO crm.audit_log (tenant_id, audit_id, request_id, entity, entity_id, action, occurred_at)
         SELECT $1, gen_random_uuid(), 'r', 'contact', $2, 'updated', now() - make_interval(mins => number)
         FROM generate_series(1, 5000) AS number`,
        [id, contactId],
      );
    }
    await owner.query("ANALYZE crm.audit_log");
  });
  await app.query("begin");
  await app.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
}, 60_000);

afterAll(async () => {
  await app.end();
  await database.drop();
});

async function planOf(run: () => Promise<unknown>): Promise<string> {
  plans.length = 0;
  await run();
  return plans.join("\n");
}

const after = { occurredAt: new Date(Date.now() - 86_400_000).toISOString(), id: tenantId };
const from = new Date(Date.now() - 30 * 86_400_000);

test.each<[string, RowFilter, string]>([
  ["all of them", {}, "interactions_by_time"],
  ["a type", { type: "sms" }, "interactions_by_type"],
  ["a user", { userId: tenantId }, "interactions_of_user"],
  ["a contact", { contactId: tenantId }, "interactions_of_contact"],
  ["a period", { from }, "interactions_by_time"],
])("the list of %s reads an index in its order", async (_, filter, index) => {
  for (const position of [undefined, after]) {
    const plan = await planOf(() => listInteractions(explained, reach, filter, 25, position));
    expect(plan).toContain(`using ${index}`);
    expect(plan).not.toContain("Seq Scan");
  }
});

test.each([
  [undefined, "interactions_of_contact"],
  [["sms"], "interactions_of_contact_by_type"],
])("a timeline of %p reads each of its sources by an index in its order", async (types, index) => {
  const visible = { interactionsOf: "everybody's", leadsOf: "everybody's" } as const;
  const of = { tenantId, contactId, ownedBy: null, visible };
  const filter = { ...wanted(types), from: undefined, to: undefined };
  for (const position of [undefined, { at: after.occurredAt, id: after.id }]) {
    const plan = await planOf(() => listTimeline(explained, of, filter, 25, position));
    expect(plan).toContain(`using ${index} `);
    if (types === undefined) {
      for (const source of ["audit_log_of_entity_by_time", "leads_of_contact"]) {
        expect(plan).toContain(source);
      }
    }
    expect(plan).not.toMatch(/Seq Scan on (interactions|audit_log|leads)/);
  }
});

test("the review queue reads an index in its order", async () => {
  const list = await planOf(() => listQueue(explained, reach, {}, 25, undefined));
  const claim = await planOf(() => claimNext(explained, reach, tenantId));
  for (const plan of [list, claim]) expect(plan).toContain("interactions_in_review");
});

test("reports read nothing but an index", async () => {
  const periods = { starts: [from, new Date()], labels: ["then", "now"] };
  const groupings = (["type", "user", "outcome", "direction"] as const).map((groupBy) => ({
    groupBy,
  }));
  for (const grouping of [...groupings, { periods }]) {
    const plan = await planOf(() => measure(explained, reach, { from }, grouping));
    expect(plan).toMatch(/Index Only Scan.* using interactions_by_time/);
    expect(plan).toMatch(/Index Only Scan.* using interactions_timed/);
  }
});

import { afterAll, expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { testDatabase } from "../../../tools/testing/database.ts";

const database = await testDatabase();

afterAll(() => database.drop());

/** Rows of a file that are looked for in each of the ways, and what answers to each. */
const ROWS = [
  [{ place: 0, email: "person7@x.example" }, "contacts_by_email"],
  [
    { place: 0, phone: "+49731100007", first_name: "Given7", last_name: "Family7" },
    "contacts_match_phone",
  ],
  [{ place: 0, first_name: "Given7", last_name: "Family7", company: "Firm7" }, "contacts_by_name"],
] as const;

/** Contacts of tenants that the planner knows, and of one that came later. */
async function fill(): Promise<{ known: string; unknown: string }> {
  return withClient(database.ownerUrl, async (owner) => {
    const add = async (slug: string): Promise<string> => {
      const { rows } = await owner.query<{ id: string }>(
        `with added as (
           insert into identity.tenants (tenant_id, slug, name)
           values (gen_random_uuid(), $1, 'Tenant') returning tenant_id
         ), contacts as (
           insert into crm.contacts
             (tenant_id, contact_id, first_name, last_name, company, email, phone_e164)
           select tenant_id, gen_random_uuid(), 'Given' || n, 'Family' || n, 'Firm' || n,
                  'person' || n || '@x.example', '+49731' || 100000 + n
           from added, generate_series(1, 2000) n
         )
         select tenant_id as id from added`,
        [slug],
      );
      return rows[0]?.id ?? "";
    };
    const known = await add("known");
    await owner.query("analyze crm.contacts");
    return { known, unknown: await add("unknown") };
  });
}

const tenants = await fill();

test.each([
  ["of a tenant that is known to the planner", tenants.known],
  ["of a new one that its statistics have not heard of", tenants.unknown],
])("whom a row stands for is found by what it is looked for by, %s", async (_, tenantId) => {
  await withClient(database.appUrl, async (app) => {
    for (const [row, index] of ROWS) {
      await app.query("begin");
      await app.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
      const read = async () => {
        const { rows } = await app.query<{ count: number }>(
          "select pg_stat_get_xact_numscans(('crm.' || $1)::regclass)::integer as count",
          [index],
        );
        return rows[0]?.count ?? 0;
      };
      const before = await read();
      const { rows } = await app.query("select contact_id from crm.match_import_rows($1)", [
        JSON.stringify([row]),
      ]);
      expect(rows).toEqual([{ contact_id: expect.any(String) }]);
      expect([index, (await read()) - before]).toEqual([index, 1]);
      await app.query("commit");
    }
  });
});

test.each([
  ["of a tenant that is known to the planner", tenants.known],
  ["of a new one that its statistics have not heard of", tenants.unknown],
])("an id is looked up once, and once more for each merge since, %s", async (_, tenantId) => {
  const ids = await mergedInTurn(tenantId);
  const rows = ids.map((id, place) => ({ place, id, email: "person7@x.example" }));
  await withClient(database.appUrl, async (app) => {
    await app.query("begin");
    await app.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
    const read = async () => {
      const { rows: counts } = await app.query<{ index: string; count: number }>(
        `select indexrelid::regclass::text as index,
           pg_stat_get_xact_numscans(indexrelid)::integer as count
         from pg_index where indrelid = 'crm.contacts'::regclass`,
      );
      return Object.fromEntries(counts.map(({ index, count }) => [index, count]));
    };
    const before = await read();
    const { rows: matches } = await app.query(
      "select contact_id, merged from crm.match_import_rows($1) order by place",
      [JSON.stringify(rows)],
    );
    const [last] = ids;
    expect(matches).toEqual([
      { contact_id: last, merged: false },
      { contact_id: last, merged: true },
      { contact_id: last, merged: true },
    ]);
    const after = await read();
    const scans = Object.keys(after).map((name) => [
      name,
      (after[name] ?? 0) - (before[name] ?? 0),
    ]);
    expect(scans.filter(([, count]) => count !== 0)).toEqual([["crm.contacts_pkey", 1 + 2 + 3]]);
    await app.query("commit");
  });
});

/** Three contacts: the first one is there, the second was merged into it, and the third into the second. */
async function mergedInTurn(tenantId: string): Promise<string[]> {
  return withClient(database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ id: string }>(
      "select contact_id as id from crm.contacts where tenant_id = $1 and email ~ '^person[123]@'",
      [tenantId],
    );
    const ids = rows.map(({ id }) => id);
    for (const [at, into] of ids.slice(0, -1).entries()) {
      await owner.query(
        `update crm.contacts set deleted_at = now(), merged_into = $3
         where tenant_id = $1 and contact_id = $2`,
        [tenantId, ids[at + 1], into],
      );
    }
    return ids;
  });
}

import { afterAll, expect, test } from "bun:test";
import pg from "pg";
import { testDatabase } from "../../../../tools/testing/database.ts";

const files = await testDatabase();
const app = new pg.Client({ connectionString: files.appUrl });
await app.connect();

afterAll(async () => {
  await app.end();
  await files.drop();
});

const TENANTS = 2;
const CONTACTS = 5_000;
const OTHERS = 1_100;

/**
 * Enough rows, of enough tenants, that reading them all would be the dearer plan; a tenant whose newest
 * contacts are unlike its others; then one that the statistics have not heard of, and one without contacts.
 */
async function fill(): Promise<{
  known: string;
  changed: string;
  unknown: string;
  empty: string;
}> {
  const owner = new pg.Client({ connectionString: files.ownerUrl });
  await owner.connect();
  const addTenants = async (count: number): Promise<string[]> => {
    const { rows } = await owner.query<{ id: string }>(
      `insert into identity.tenants (tenant_id, slug, name)
       select id, 'tenant-' || id, 'Tenant'
       from (select gen_random_uuid() as id from generate_series(1, $1)) ids
       returning tenant_id as id`,
      [count],
    );
    return rows.map(({ id }) => id);
  };
  const addContacts = async (
    tenants: readonly string[],
    { firstName = "Given", from = 1, upto = CONTACTS } = {},
  ): Promise<void> => {
    await owner.query(
      `insert into crm.contacts (tenant_id, contact_id, first_name, last_name, email, phone)
       select id, (left(id::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, $2,
         'Family' || chr(97 + n / 500) || chr(97 + n % 500 / 25) || chr(97 + n % 25),
         'p' || n || '@example.com', '0731 ' || 100000 + n
       from unnest($1::uuid[]) id, generate_series($3::integer, $4::integer) n`,
      [tenants, firstName, from, upto],
    );
  };
  const [known = "", changed = ""] = await addTenants(TENANTS);
  await addContacts([known, changed]);
  const others = { firstName: "Other", from: CONTACTS + 1, upto: CONTACTS + OTHERS };
  await addContacts([changed], others);
  await owner.query("analyze");
  const [unknown = "", empty = ""] = await addTenants(2);
  await addContacts([unknown]);
  await owner.end();
  return { known, changed, unknown, empty };
}

interface Reads {
  readonly found: number;
  /** Scans of the index of words, and of all of the table. */
  readonly byIndex: number;
  readonly ofAll: number;
  /** Contacts that were looked at. */
  readonly rows: number;
}

/** What a statement, run as crm_app, finds and reads. */
async function reads(statement: string, tenantId = tenants.known): Promise<Reads> {
  await app.query("begin");
  await app.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
  const before = await counts();
  const { rows } = await app.query(statement);
  const after = await counts();
  await app.query("rollback");
  return {
    found: rows.length,
    byIndex: after.byIndex - before.byIndex,
    ofAll: after.ofAll - before.ofAll,
    rows: after.rows - before.rows,
  };
}

async function inTenant<Row extends pg.QueryResultRow>(
  statement: string,
): Promise<pg.QueryResult<Row>> {
  await app.query("begin");
  await app.query("select set_config('app.tenant_id', $1, true)", [tenants.known]);
  const result = await app.query<Row>(statement);
  await app.query("rollback");
  return result;
}

/** What this session has read and not reported yet, of this transaction and of others before. */
async function counts(): Promise<Omit<Reads, "found">> {
  const { rows } = await app.query<Omit<Reads, "found">>(`
    select pg_stat_get_xact_numscans('crm.contacts_search'::regclass)::int as "byIndex",
           pg_stat_get_xact_numscans('crm.contacts'::regclass)::int as "ofAll",
           (pg_stat_get_xact_tuples_fetched('crm.contacts'::regclass)
             + pg_stat_get_xact_tuples_returned('crm.contacts'::regclass)
             + pg_stat_get_xact_tuples_fetched('crm.contacts_pkey'::regclass))::int as rows`);
  const [row] = rows;
  if (row === undefined) throw new Error("the statistics have no row");
  return row;
}

function search(query: string, filter = "{}"): string {
  return `select * from crm.search_contacts('${filter}', $$${query}$$, '{}', array[$$${query}$$]::tsquery[],
    null, 1, 1, null, 26)`;
}

const tenants = await fill();
/** Contacts that are read as a sample of all: the newest, twice, and the oldest. */
const SAMPLE = 1500;

test.each([
  ["", tenants.known],
  [" of a new tenant that its statistics have not heard of", tenants.unknown],
])("what is rare%s is found by the index, whole, begun or from its end", async (_, tenantId) => {
  for (const query of [
    "'nfamilycab'",
    "'nfamilyca':*",
    "'p0510011370'",
    "'p05100':*",
    "'ep77@example.com'",
  ]) {
    const { found, byIndex, ofAll, rows } = await reads(search(query), tenantId);
    expect({ query, byIndex, ofAll }).toEqual({ query, byIndex: 1, ofAll: 0 });
    expect(rows).toBeLessThanOrEqual(SAMPLE + found);
  }
});

test("what is common is found among the newest, and most rows are never read", async () => {
  for (const query of ["'ngiven'", "'n':*", "'cexample'&'ngiven':*"]) {
    const { found, ofAll, rows } = await reads(search(query));
    expect({ query, found, ofAll }).toEqual({ query, found: 26, ofAll: 0 });
    expect(rows).toBeLessThan(SAMPLE + 100);
  }
});

test("what is common is found so though the newest are unlike it", async () => {
  const { found, byIndex, rows } = await reads(search("'ngiven'"), tenants.changed);
  expect({ found, byIndex }).toEqual({ found: 26, byIndex: 0 });
  expect(rows).toBeLessThan(SAMPLE + OTHERS + 100);
});

const addressesOf = (...numbers: readonly number[]) =>
  `$$${numbers.map((n) => `'ep${n}@example.com'`).join("|")}$$`;
/** Of nobody: the more of them, the longer it takes to hold them against a contact. */
const nobodys = (count: number) => Array.from({ length: count }, (_, at) => CONTACTS + 1 + at);

test("the best are first, however many contacts other tenants have", async () => {
  // Dear to look up for as many as there are in the table, but not for the tenant's.
  const { rows } = await inTenant<{ tier: number }>(
    `select * from crm.search_contacts('{}', $$'cexample'&'ngiven'$$, array['cexample', 'ngiven']::tsquery[],
       array[${addressesOf(4990, 10, ...nobodys(100))}, 'cexample']::tsquery[], null, 1, 1, null, 4)`,
  );
  expect(rows.map(({ tier }) => tier)).toEqual([1, 1, 2, 2]);
});

/** Many that are missing are dear to find going back from the newest, so then nothing is. */
const ALL = 100_000;

test.each([
  ["is dear to look up", 2, [700]],
  ["is dear to look up for its first page alone", 2, [2, ALL]],
  ["is dear to look up but for its first page", 1, [ALL, 700]],
] as const)("the pages of a search that %s hold each contact once", async (_, best, sizes) => {
  const unknown = nobodys(400);
  const found: string[] = [];
  let after = "1, 1, null";
  for (let page = 0; ; page++) {
    const most = sizes[Math.min(page, sizes.length - 1)];
    // Of the better two tiers, the newest and oldest contacts, which are the sample, hold three each.
    const { rows } = await inTenant<{ contact_id: string; first_tier: number; tier: number }>(
      `select * from crm.search_contacts('{}', $$'cexample'&'ngiven'$$, array['cexample', 'ngiven']::tsquery[],
         array[${addressesOf(4990, 4980, 10, ...unknown)}, ${addressesOf(4970, 4960, 20, ...unknown)},
           'cexample']::tsquery[], null, ${after}, ${most})`,
    );
    // That they count as one says that it was taken to be dear.
    if (page === 0) expect(rows.at(0)).toMatchObject({ first_tier: 1, tier: best });
    // The first page ends in the middle of them.
    const shown = page === 0 && sizes.length > 1 ? rows.slice(0, 2) : rows;
    found.push(...shown.map(({ contact_id }) => contact_id));
    const last = shown.at(-1);
    if (last === undefined) break;
    after = `${last.first_tier}, ${last.tier}, '${last.contact_id}'`;
  }
  expect(found).toHaveLength(CONTACTS);
  expect(new Set(found).size).toBe(CONTACTS);
});

test("what a search depends on is set by its functions, whatever the session has", async () => {
  const { rows } = await inTenant<{ name: string; settings: string[] }>(
    `select proname as name, proconfig as settings from pg_proc
     where pronamespace = 'crm'::regnamespace
       and proname in ('typed_words', 'spellings', 'search_contacts')
       -- Without that of the version before.
       and pronargs <> 8
     order by proname`,
  );
  const all = ["search_path=pg_catalog, pg_temp", "enable_seqscan=off", "jit=off"];
  expect(rows).toEqual([
    { name: "search_contacts", settings: [...all, "work_mem=64MB"] },
    { name: "spellings", settings: all },
    { name: "typed_words", settings: all },
  ]);
});

test("where nobody is, nobody is found", async () => {
  const query =
    "select * from crm.search_contacts('{}', 'a&b', '{a,b}', '{a&b}', null, 1, 1, null, 26)";
  expect(await reads(query, tenants.empty)).toMatchObject({ found: 0, rows: 0 });
});

test("what is common but for the filter is found by the filter's index", async () => {
  const filter = JSON.stringify({ email: "p77@example.com" });
  const { found, ofAll, rows } = await reads(search("'ngiven'", filter));
  expect({ found, ofAll }).toEqual({ found: 1, ofAll: 0 });
  expect(rows).toBeLessThan(SAMPLE + 100);
});

test("words are looked up by their indexes, not one after the other", async () => {
  await app.query("begin");
  await app.query("select set_config('app.tenant_id', $1, true)", [tenants.known]);
  const { rows } = await app.query("select * from crm.spellings('{familycba,milyca}')");
  const counted = await app.query(`
    select pg_stat_get_xact_numscans('crm.words_near'::regclass)::int as near,
           pg_stat_get_xact_numscans('crm.words_within'::regclass)::int as within,
           pg_stat_get_xact_numscans('crm.words'::regclass)::int as of_all`);
  await app.query("rollback");
  expect(counted.rows).toEqual([{ near: 2, within: 2, of_all: 0 }]);
  expect(rows[0].near).toContain("familycab");
  expect(rows[1].within).toContain("familycab");
});

test("under the table's policy alone the words cannot be looked up: hence the function", async () => {
  const { rows } = await inTenant<{ "QUERY PLAN": string }>(`
    explain select * from crm.contacts where search @@ $$'nfamilycab'$$ and deleted_at is null`);
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("search @@");
  expect(plan).not.toMatch(/Index Cond: .*search @@/);
});

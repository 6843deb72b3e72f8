import { afterAll, expect, test } from "bun:test";
import pg from "pg";
import { testDatabase } from "../../../../tools/testing/database.ts";
import { ANYWHERE, begunListed } from "./lexemes.rules.ts";
import { termOf } from "./spelling.rules.ts";

const files = await testDatabase();
const TENANT = "01a203d3-cd0a-72ce-a323-b8a93caa45fb";
const STRANGER = "01a203d3-cd0a-72ce-a323-b8a93caa45fc";
const owner = await connected(files.ownerUrl);
await owner.query(
  "insert into identity.tenants (tenant_id, slug, name) values ($1, 'one', 'One'), ($2, 'two', 'Two')",
  [TENANT, STRANGER],
);

afterAll(async () => {
  await owner.end();
  await files.drop();
});

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** A session as crm_app in a transaction of the tenant's. */
async function writer(tenant = TENANT) {
  const client = await connected(files.appUrl);
  await client.query("begin");
  await client.query("select set_config('app.tenant_id', $1, true)", [tenant]);
  const finish = async (how: "commit" | "rollback"): Promise<void> => {
    await client.query(how);
    await client.end();
  };
  return { client, finish };
}

async function add(
  client: pg.Client,
  lastNames: readonly string[],
  tenant = TENANT,
): Promise<void> {
  await client.query(
    `insert into crm.contacts (tenant_id, contact_id, last_name)
     select $1, gen_random_uuid(), name from unnest($2::text[]) name`,
    [tenant, lastNames],
  );
}

async function inTenant(statement: string, values: unknown[] = [], tenant = TENANT) {
  const { client, finish } = await writer(tenant);
  const { rows } = await client.query(statement, values);
  await finish("commit");
  return rows;
}

async function words(tenant = TENANT): Promise<string[]> {
  const { rows } = await owner.query<{ word: string }>(
    'select word from crm.words where tenant_id = $1 order by word collate "C"',
    [tenant],
  );
  return rows.map(({ word }) => word);
}

async function sweep(): Promise<string | null> {
  const [row] = await inTenant("select crm.forget_words(null, 100) as last");
  return row.last;
}

test("words come with the contacts of a statement, and go when nobody has them", async () => {
  const { client, finish } = await writer();
  await add(client, ["Müller", "MULLER", "O'Brien", "x", "R2D2", "李小龙", "Anna 123"]);
  await finish("commit");
  expect(await words()).toEqual(["anna", "brien", "muller", "obrien"]);

  await inTenant("update crm.contacts set last_name = 'Schmidt' where last_name = 'Müller'");
  await inTenant("update crm.contacts set deleted_at = now() where last_name = 'O''Brien'");
  expect(await sweep()).toBeNull();
  expect(await words()).toEqual(["anna", "muller", "schmidt"]);

  await inTenant("update crm.contacts set deleted_at = null where last_name = 'O''Brien'");
  expect(await words()).toEqual(["anna", "brien", "muller", "obrien", "schmidt"]);
  expect(await sweep()).toBeNull();
  expect(await words()).toEqual(["anna", "brien", "muller", "obrien", "schmidt"]);
});

test("a sweep goes on where it has stopped", async () => {
  const [first] = await inTenant("select crm.forget_words(null, 2) as last");
  expect(first.last).toBe("brien");
  const [second] = await inTenant("select crm.forget_words('brien', 100) as last");
  expect(second.last).toBeNull();
});

test("what somebody is writing is not swept away", async () => {
  await inTenant("update crm.contacts set last_name = 'Weber' where last_name = 'Schmidt'");
  const { client, finish } = await writer();
  await add(client, ["Schmidt"]);
  // Nobody has the word but a transaction that is not over: the sweep must not even look.
  expect(await sweep()).toBeNull();
  await finish("commit");
  expect(await words()).toContain("schmidt");
  await sweep();
  expect(await words()).toContain("schmidt");
});

test("two who add the same words wait for each other at most, in whatever order they come", async () => {
  const names = Array.from(
    { length: 200 },
    (_, at) => `name${String.fromCharCode(97 + (at % 20))}${String.fromCharCode(97 + at / 20)}`,
  );
  const one = await writer();
  const other = await writer();
  await Promise.all([
    add(one.client, names).then(() => one.finish("commit")),
    add(other.client, names.toReversed()).then(() => other.finish("commit")),
  ]);
  expect(await words()).toEqual(expect.arrayContaining(names));
});

test("a tenant's words are nobody else's, though they are looked up by the same index", async () => {
  const { client, finish } = await writer(STRANGER);
  await add(client, ["Schmidt", "Strangersname"], STRANGER);
  await finish("commit");
  const [own] = await inTenant("select near from crm.spellings('{strangersnam}')");
  expect(own.near).toEqual([]);
  const [theirs] = await inTenant("select near from crm.spellings('{strangersnam}')", [], STRANGER);
  expect(theirs.near).toEqual(["strangersname"]);
  expect(await inTenant("select from crm.words where word = 'strangersname'")).toEqual([]);
});

test("of what is typed as words those are known with which the tenant's begin", async () => {
  const { client, finish } = await writer();
  await add(client, ["Quarz", "Quärzen", "Quarzfels-Weg", "Y".repeat(41)]);
  await add(
    client,
    Array.from({ length: 13 }, (_, at) => `Zirkon${String.fromCharCode(97 + at)}`),
  );
  await finish("commit");
  const stranger = await writer(STRANGER);
  await add(stranger.client, ["Quarzstranger"], STRANGER);
  await stranger.finish("commit");

  const typed = ["QUARZ", "quàrzE", "quarzx", "zirkon", "!", "qu", "12", "李小龍", "y".repeat(41)];
  const found = await inTenant("select word, begun from crm.typed_words($1)", [typed]);
  expect(found).toEqual([
    { word: "quarz", begun: ["quarz", "quarzen", "quarzfels", "quarzfelsweg"] },
    { word: "quarze", begun: ["quarzen"] },
    { word: "quarzx", begun: [] },
    // Too many; and such as are not kept.
    ...["zirkon", "qu", "12", "李小龍", "y".repeat(41)].map((word) => ({ word, begun: null })),
  ]);
});

test("crm_app can neither write words nor read another tenant's", async () => {
  const attempts = [
    "insert into crm.words values (identity.current_tenant(), 'word', '{}')",
    "delete from crm.words",
    "update crm.words set word = 'other'",
  ];
  for (const attempt of attempts) {
    const { client, finish } = await writer();
    expect(client.query(attempt)).rejects.toThrow("permission denied");
    await finish("rollback");
  }
});

test("what the index has answers to its form of a query as the words answer to the query", async () => {
  const lexemes = [
    ..."oa ob oab oba oabc oab1 oabcd nab nabc cabc pabc ox李小 o李小龍 oà oé\u0301t".split(" "),
    ..."eo'ab@x.example e'oab@x.example eoab'@x.example eo\\ab@x.example eab@x.example".split(" "),
  ];
  const quoted = lexemes.map((word) => `'${word.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`);
  const begun = lexemes.map((word) => [...word].slice(0, 4).join("").replaceAll(/['\\]/g, ""));
  const queries = [
    ...quoted,
    ...quoted.map((word) => `${word}:*`),
    ...begun.map((word) => `'${word}':*`),
    "'e''oab':*",
    ...quoted.map((word, at) => `('oab':* | ${word}:*) & (${quoted.at(-at)} | 'n':*)`),
  ];
  const words = lexemes.flatMap((one, at) => [[one], [one, ...lexemes.slice(0, at).toReversed()]]);
  const { rows: odd } = await owner.query(
    `select words, query, words @@ query as without from (
       select array_to_tsvector(array(select jsonb_array_elements_text(list))) as words
       from jsonb_array_elements($2) list) contacts, unnest($3::text[]::tsquery[]) query
     where words @@ query <> (crm.tenant_words($1, words) @@ crm.tenant_query($1, query))
       or crm.tenant_words($1, words) @@ crm.tenant_query($4, query)`,
    [TENANT, JSON.stringify(words), queries, STRANGER],
  );
  expect(odd).toEqual([]);
});

test("what words begin with, up to three letters, the index has as one word", async () => {
  const { rows } = await owner.query<{ query: string }>(
    `select crm.tenant_query($1, query)::text as query
     from unnest($2::text[]::tsquery[]) query`,
    [TENANT, ["'oabc':*", "'oabcd':*", "'o李':*", "'oabc' & 'nabc':*"]],
  );
  const end = TENANT.slice(-5);
  expect(rows.map(({ query }) => query.replaceAll(end, "-"))).toEqual([
    "'-oabc*'",
    "'-oabcd':*",
    "'-o李*'",
    "'-oabc' & '-nabc':*",
  ]);
});

test("no beginning is looked up as all the words that begin so, if these are known", async () => {
  for (const word of ["a", "ab", "abc", "abcd", "李", "éàü", "abcdefg"]) {
    const query = begunListed(termOf(word, [word, `${word}x`]), ANYWHERE);
    const [found] = await inTenant(
      "select crm.tenant_query(identity.current_tenant(), $1::tsquery)::text as query",
      [query],
    );
    expect(found.query).not.toContain(":");
  }
});

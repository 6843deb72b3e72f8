import { afterAll, expect, test } from "bun:test";
import { people, randomFrom } from "../../../../bench/people.ts";
import { mistype } from "../../../../bench/search/typos.ts";
import { withClient } from "../../../../tools/local/database.ts";
import { searchContacts } from "../../../../tools/testing/api/contacts.ts";
import { openClients } from "../../../../tools/testing/clients/all.ts";
import { startServices } from "../../../../tools/testing/services.ts";

const services = await startServices();
const [client] = openClients(services);
if (client === undefined) throw new Error("there is no client");

afterAll(async () => {
  client.close();
  await services.stop();
});

const SEED = 7;
const CONTACTS = 3_000;
const QUERIES = 200;
const FIRST = 10;

const { admin } = await services.newTenant();
const generator = people(SEED);
const everybody = Array.from({ length: CONTACTS }, () => generator.next().value);
await withClient(services.database.ownerUrl, async (owner) => {
  await owner.query(
    `insert into crm.contacts (tenant_id, contact_id, first_name, last_name, email, company, tags)
     select $1, gen_random_uuid(), first_name, last_name, email, company, '{}'
     from jsonb_populate_recordset(null::crm.contacts, $2::jsonb)`,
    [admin.tenant.id, JSON.stringify(everybody)],
  );
});

/** How many of the queries find whom they mean, or one of the very same name, among the first ten. */
async function recall(errors: 1 | 2): Promise<number> {
  const random = randomFrom(SEED);
  let found = 0;
  for (let at = 0; at < QUERIES; ) {
    const person = everybody[Math.floor(random() * everybody.length)];
    const mistyped = person && mistype(person, errors, random);
    if (mistyped === undefined || mistyped === null) continue;
    at += 1;
    const outcome = await client?.call(
      searchContacts,
      { q: mistyped.q, limit: FIRST },
      { token: admin.accessToken },
    );
    if (outcome?.ok !== true) throw new Error(`${mistyped.q}: ${JSON.stringify(outcome)}`);
    if (outcome.value.items.some((item) => mistyped.means(item))) found += 1;
  }
  return found / QUERIES;
}

test("one typing error: the right one is among the first ten in 97 of 100 queries", async () => {
  expect(await recall(1)).toBeGreaterThanOrEqual(0.97);
}, 60_000);

test("two errors in words of seven letters and more: in 90 of 100", async () => {
  expect(await recall(2)).toBeGreaterThanOrEqual(0.9);
}, 60_000);

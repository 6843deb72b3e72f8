import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { withClient } from "../../../tools/local/database.ts";
import { testDatabase } from "../../../tools/testing/database.ts";
import { readsOf } from "../../../tools/testing/reads.ts";
import type { DB } from "../tables.gen.ts";
import { listContacts } from "./queries.ts";
import type { Sort } from "./schema.ts";

const TENANTS = 5;
const CONTACTS = 4_000;
const LIMIT = 10;

const files = await testDatabase();
const pool = new pg.Pool({ connectionString: files.appUrl, max: 1 });
const app = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });

afterAll(async () => {
  await app.destroy();
  await files.drop();
});

/** Of every hundred contacts one is rare in each of the ways to filter, and ten are deleted. */
async function fill(owner: pg.Client, tenants: number, userId: string): Promise<string[]> {
  const ids = Array.from({ length: tenants }, () => Bun.randomUUIDv7());
  await owner.query(
    `insert into identity.tenants (tenant_id, slug, name)
     select id, 'tenant-' || id, 'Tenant' from unnest($1::uuid[]) id`,
    [ids],
  );
  await owner.query(
    `insert into identity.users (tenant_id, user_id, email, full_name, role)
     select id, $2, 'u@company.example', 'User', 'sales' from unnest($1::uuid[]) id`,
    [ids, userId],
  );
  await owner.query(
    `insert into crm.contacts (tenant_id, contact_id, last_name, email, company, source, tags, custom,
                               lifecycle_stage, address_country, phone_e164, owner_user_id,
                               created_at, updated_at, deleted_at)
     select id, gen_random_uuid(), 'Family ' || md5(n::text), 'p' || n || '@x.example',
            case n % 100 when 1 then 'Rare Ltd' else 'Company ' || n end,
            case n % 100 when 2 then 'rare' else 'web' end,
            case n % 100 when 3 then '{rare, all}' else '{all}' end::text[],
            case n % 100 when 4 then '{"vip": true}' else '{"vip": false}' end::jsonb,
            case n % 100 when 5 then 'former' else 'lead' end,
            case n % 100 when 6 then 'FR' else 'DE' end,
            '+49731' || 100000 + n,
            case n % 100 when 7 then $2::uuid end,
            now() - n * interval '1 minute', now() - n * 7919 % 5000 * interval '1 minute',
            case n % 10 when 0 then now() end
     from unnest($1::uuid[]) id, generate_series(1, ${CONTACTS}) n`,
    [ids, userId],
  );
  return ids;
}

const userId = Bun.randomUUIDv7();
const [tenantId = ""] = await withClient(files.ownerUrl, (owner) => fill(owner, TENANTS, userId));

/** From which indexes a page is read as crm_app, and how many entries of each. */
async function reads(
  filter: object,
  sort: { readonly by: Sort; readonly descending: boolean },
  tenant = tenantId,
): Promise<Record<string, number>> {
  return app.transaction().execute(async (db) => {
    await sql`select set_config('app.tenant_id', ${tenant}, true)`.execute(db);
    return readsOf(db, "crm", () =>
      listContacts(db, tenant, JSON.stringify(filter), sort, LIMIT, undefined),
    );
  });
}

const newest = { by: "createdAt", descending: true } as const;

const orders: [string, Sort, boolean][] = [
  ["contacts_by_creation", "createdAt", false],
  ["contacts_by_creation", "createdAt", true],
  ["contacts_by_update", "updatedAt", false],
  ["contacts_by_update", "updatedAt", true],
  ["contacts_by_name", "name", false],
  ["contacts_by_name", "name", true],
  ["contacts_by_company", "company", false],
  ["contacts_by_company_descending", "company", true],
];

async function expectOrderAlone(index: string, by: Sort, descending: boolean, tenant = tenantId) {
  const read = await reads({}, { by, descending }, tenant);
  // The page itself is read by its ids.
  expect(read).toEqual({ [index]: LIMIT + 1, contacts_pkey: LIMIT + 1 });
}

test.each(orders)(
  "a page is read from %s alone, sorted by %s, descending %p",
  (index, by, descending) => expectOrderAlone(index, by, descending),
);

test.each<[string, Sort]>([
  ["contacts_deleted_by_creation", "createdAt"],
  ["contacts_deleted_by_update", "updatedAt"],
])("the deleted ones are read from %s alone", async (index, by) => {
  const read = await reads({ deleted: true }, { by, descending: true });
  expect(read).toEqual({ [index]: LIMIT + 1, contacts_pkey: LIMIT + 1 });
});

const rare: [string, object][] = [
  ["contacts_by_owner", { ownerUserId: userId }],
  ["contacts_by_owner", { ownedBy: userId }],
  ["contacts_by_company_descending", { company: "RARE ltd" }],
  ["contacts_by_email", { email: "p77@x.example" }],
  ["contacts_match_phone", { phone: "+49731100077" }],
  ["contacts_by_facets", { source: "rare" }],
  ["contacts_by_facets", { tag: ["rare"] }],
  ["contacts_by_facets", { custom: { vip: true } }],
  ["contacts_by_facets", { lifecycleStage: ["former"] }],
  ["contacts_by_facets", { country: "FR" }],
];

async function expectFoundBy(index: string, filter: object, tenant = tenantId) {
  const {
    contacts,
    contacts_pkey,
    [index]: found,
    ...others
  } = await reads(filter, newest, tenant);
  expect(others).toEqual({});
  expect(found).toBeGreaterThan(0);
  // Never all of the tenant's.
  expect((contacts ?? 0) + (found ?? 0)).toBeLessThan(CONTACTS / 10);
}

test.each(rare)("what is rare is found by %s: %j", (index, filter) => expectFoundBy(index, filter));

test("what most have is found on the way through the order", async () => {
  for (const filter of [{ tag: ["all"] }, { custom: { vip: false } }, { country: "DE" }]) {
    const { contacts_by_creation } = await reads(filter, newest);
    expect(contacts_by_creation).toBeLessThan(5 * LIMIT);
  }
});

/** More than a list's order is walked through; whom the filter lets through comes last in each order. */
const MANY = 9_000;
const AT_ODDS = 2_500;
const former = { lifecycleStage: ["former"] };

const manyId = await withClient(files.ownerUrl, async (owner) => {
  const id = Bun.randomUUIDv7();
  await owner.query(
    "insert into identity.tenants (tenant_id, slug, name) values ($1, 'many', 'Many')",
    [id],
  );
  await owner.query(
    `insert into crm.contacts (tenant_id, contact_id, last_name, company, lifecycle_stage, created_at,
                               updated_at)
     select $1, gen_random_uuid(), to_char(n, 'FM00000'), to_char(n, 'FM00000'),
            case when n > $2 then 'former' else 'lead' end,
            now() - n * interval '1 minute', now() - n * interval '1 minute'
     from generate_series(1, $3::integer) n`,
    [id, MANY - AT_ODDS, MANY],
  );
  await owner.query("vacuum analyze crm.contacts");
  return id;
});

test.each<[string, Sort, boolean]>([
  ["contacts_by_creation", "createdAt", true],
  ["contacts_by_update", "updatedAt", true],
  ["contacts_by_name", "name", false],
  ["contacts_by_company", "company", false],
])(
  "what many have is found, though %s comes to it last, sorted by %s",
  async (index, by, descending) => {
    const sort = { by, descending };
    const read = await reads(former, sort, manyId);
    expect(read[index]).toBe(5_000);
    expect(read["contacts_by_facets"]).toBeGreaterThanOrEqual(AT_ODDS);

    const numbers: string[] = [];
    for (let after: { key: string; id: string } | undefined; ; ) {
      const page = await app.transaction().execute(async (db) => {
        await sql`select set_config('app.tenant_id', ${manyId}, true)`.execute(db);
        return listContacts(db, manyId, JSON.stringify(former), sort, 400, after);
      });
      const shown = page.slice(0, 400);
      numbers.push(...shown.map(({ contact }) => contact.lastName ?? ""));
      const last = shown.at(-1);
      if (page.length <= 400 || last === undefined) break;
      after = { key: last.key, id: last.contact.id };
    }
    const wanted = Array.from({ length: AT_ODDS }, (_, at) => MANY - AT_ODDS + 1 + at);
    expect(numbers).toEqual(wanted.map((n) => String(n).padStart(5, "0")));
  },
);

describe("of a tenant that the statistics have not heard of", () => {
  let stranger = "";
  beforeAll(async () => {
    [stranger = ""] = await withClient(files.ownerUrl, (owner) => fill(owner, 1, userId));
  });

  test.each(orders)(
    "a page is read from %s alone, sorted by %s, descending %p",
    (index, by, descending) => expectOrderAlone(index, by, descending, stranger),
  );

  test.each(rare)("what is rare is found by %s: %j", (index, filter) =>
    expectFoundBy(index, filter, stranger),
  );
});

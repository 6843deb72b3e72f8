import { afterAll, expect, test } from "bun:test";
import { openDatabase } from "@crm/platform/database";
import { type Kysely, sql } from "kysely";
import { withClient } from "../../../tools/local/database.ts";
import { testDatabase } from "../../../tools/testing/database.ts";
import type { DB } from "../tables.gen.ts";
import { candidatesFor } from "./candidates.ts";

const files = await testDatabase();
const database = openDatabase<DB>({
  url: files.appUrl,
  maxConnections: 1,
  // What is lost while statements wait fails them; at the end the database is dropped under it.
  onConnectionError: () => {},
});

afterAll(async () => {
  await database.close();
  await files.drop();
});

const INDEXES = [
  "contacts_by_email",
  "contacts_match_phone",
  "contacts_match_name",
  "contacts_match_first",
  "contacts_match_last",
  "contacts_match_mailbox",
];

/** Enough rows, of enough tenants, that reading them all would be the dearer plan; and one that is new. */
async function fill(): Promise<{ known: string; unknown: string }> {
  return withClient(files.ownerUrl, async (owner) => {
    const add = async (tenants: number): Promise<string> => {
      const { rows } = await owner.query<{ id: string }>(
        `with added as (
           insert into identity.tenants (tenant_id, slug, name)
           select id, 'tenant-' || id, 'Tenant'
           from (select gen_random_uuid() as id from generate_series(1, $1)) ids
           returning tenant_id
         ), contacts as (
           insert into crm.contacts
             (tenant_id, contact_id, first_name, last_name, company, email, phone_e164)
           select tenant_id, gen_random_uuid(), 'Given' || n % 100, 'Family' || n, 'Firm' || n % 300,
                  'person' || n || '@x.example', '+49731' || 100000 + n
           from added, generate_series(1, 500) n
         )
         select tenant_id as id from added limit 1`,
        [tenants],
      );
      return rows[0]?.id ?? "";
    };
    const known = await add(10);
    await owner.query("analyze");
    return { known, unknown: await add(1) };
  });
}

const tenants = await fill();

test.each([
  ["of a tenant that is known to the planner", tenants.known],
  ["of a new one that its statistics have not heard of", tenants.unknown],
])("whoever is like somebody is found by indexes, as crm_app, %s", async (_, tenantId) => {
  const identity = {
    firstName: "Given7",
    lastName: "Family307",
    company: "Firm7",
    email: "person5@x.example",
    phone: "+49731100006",
    street: null,
    postalCode: null,
  };
  const bounds = { tenantId, deadline: Date.now() + 30_000 };
  await database.transaction(bounds, async (db) => {
    const before = await scans(db);
    const found = await candidatesFor(db, tenantId, identity, null);
    const reasons = new Set(found.flatMap((candidate) => candidate.reasons));
    for (const reason of ["email", "phone", "name"] as const) expect(reasons).toContain(reason);
    const after = await scans(db);
    for (const [name, count] of after) {
      expect([name, count - (before.get(name) ?? 0)]).toEqual([name, name === "contacts" ? 0 : 1]);
    }
  });
});

/** How often each index, and all of the table, was read; what this session has not reported yet. */
async function scans(db: Kysely<DB>): Promise<Map<string, number>> {
  const { rows } = await sql<{ name: string; scans: number }>`
    select name, pg_stat_get_xact_numscans(('crm.' || name)::regclass)::integer as scans
    from unnest(${[...INDEXES, "contacts"]}::text[]) as name`.execute(db);
  return new Map(rows.map((row) => [row.name, row.scans]));
}

import { afterAll, expect, test } from "bun:test";
import { openDatabase } from "@crm/platform/database";
import { sql } from "kysely";
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

/** Enough rows, of enough tenants, that reading them all would be the dearer plan. */
async function fill(): Promise<string> {
  return withClient(files.ownerUrl, async (owner) => {
    await owner.query(`
      insert into identity.tenants (tenant_id, slug, name)
      select gen_random_uuid(), 'tenant-' || n, 'Tenant' from generate_series(1, 10) n`);
    await owner.query(`
      insert into crm.contacts (tenant_id, contact_id, first_name, last_name, company, email, phone_e164)
      select tenant_id, gen_random_uuid(), 'Given' || n % 100, 'Family' || n, 'Firm' || n % 300,
             'person' || n || '@x.example', '+49731' || 100000 + n
      from identity.tenants, generate_series(1, 500) n`);
    await owner.query("analyze");
    const { rows } = await owner.query<{ id: string }>(
      "select tenant_id as id from identity.tenants limit 1",
    );
    return rows[0]?.id ?? "";
  });
}

test("whoever is like somebody is found by indexes, as crm_app, without reading all contacts", async () => {
  const tenantId = await fill();
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
    const found = await candidatesFor(db, tenantId, identity, null);
    const reasons = new Set(found.flatMap((candidate) => candidate.reasons));
    for (const reason of ["email", "phone", "name"] as const) expect(reasons).toContain(reason);
    const { rows } = await sql<{ name: string; scans: number }>`
      select name, pg_stat_get_xact_numscans(('crm.' || name)::regclass)::integer as scans
      from unnest(${[...INDEXES, "contacts"]}::text[]) as name`.execute(db);
    for (const { name, scans } of rows) {
      if (name === "contacts") expect(scans).toBe(0);
      else expect([name, scans]).toEqual([name, 1]);
    }
  });
});

import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { testDatabase } from "../../../tools/testing/database.ts";

/** What points to contacts, and what becomes of it when one is merged. */
const KNOWN = {
  "crm.contacts": "where a merged contact went",
  "crm.customers": "follow, one a contact",
  "crm.duplicate_dismissals": "are copied",
  "crm.duplicate_pairs": "are removed, and found anew",
  "crm.interactions": "follow",
  "crm.leads": "follow",
  "crm.merges": "tell what was merged",
};

test("whatever belongs to contacts is known to merges", async () => {
  const database = await testDatabase();
  try {
    const tables = await withClient(database.ownerUrl, async (owner) => {
      const { rows } = await owner.query<{ name: string }>(
        `SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint
         WHERE contype = 'f' AND confrelid = 'crm.contacts'::regclass ORDER BY name`,
      );
      return rows.map(({ name }) => name);
    });
    expect(tables).toEqual(Object.keys(KNOWN));
  } finally {
    await database.drop();
  }
});

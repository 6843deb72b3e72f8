import { afterAll, afterEach, expect, test } from "bun:test";
import { createContact } from "../../testing/api/contacts.ts";
import { getImportErrors, importContacts, watchImport } from "../../testing/api/imports.ts";
import { compareQueued } from "../../testing/duplicates.ts";
import { startServices } from "../../testing/services.ts";
import { tenantRows } from "../../testing/tenant-rows.ts";
import { populatedTenant } from "./callers.ts";
import { unique } from "./resources.ts";
import { setRowLevelSecurity } from "./row-level-security.ts";

// Files name ids too, and what becomes of them is seen only later.

// One after another, so that a job that was waited for is not still being done by a second worker.
const services = await startServices({ JOBS_AT_ONCE: "1" });
afterAll(() => services.stop());
const { ownerUrl } = services.database;
const ours = await populatedTenant(services, "heron", []);
const theirs = await populatedTenant(services, "osprey", []);
afterEach(() => setRowLevelSecurity(ownerUrl, "enable"));

test.each([
  ["with", "enable"],
  ["without", "disable"],
] as const)(
  "%s row-level security, a file that names another tenant's comes to the same as one that names nobody's",
  async (_, to) => {
    const lastName = "osprey";
    const email = `${unique()}@${lastName}.example`;
    const contact = await theirs.admin.get(createContact, { contact: { lastName, email } });
    await compareQueued(services, theirs.id);
    const rowsBefore = await tenantRows(ownerUrl, theirs.id);
    await setRowLevelSecurity(ownerUrl, to);
    const unknown = await outcomeOf(
      Bun.randomUUIDv7(),
      Bun.randomUUIDv7(),
      `${unique()}@company.example`,
    );
    const known = await outcomeOf(contact.id, theirs.ids.user, email);
    expect(known).toEqual(unknown);
    expect(unknown).toMatchObject({ created: 2, updated: 0, skipped: 0, failed: 1 });
    expect(await tenantRows(ownerUrl, theirs.id)).toEqual(rowsBefore);
  },
);

/** What becomes of rows that name these, but for the ids themselves. */
async function outcomeOf(contactId: string, userId: string, email: string) {
  const { get } = ours.admin;
  const file = [
    "id,lastName,email,ownerUserId",
    `${contactId},${unique()},,`,
    `,${unique()},${email},`,
    `,${unique()},,${userId}`,
  ].join("\r\n");
  const { id } = await get(importContacts, { file, mode: "update" });
  const { created, updated, skipped, failed } = (await get(watchImport, { id })).at(-1) ?? {};
  const errors = (await get(getImportErrors, { id })).replace(userId, "{user}");
  return { created, updated, skipped, failed, errors };
}

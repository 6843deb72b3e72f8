import { type Kysely, sql } from "kysely";
import { rowById } from "../by-id.queries.ts";
import { contactOf, joinedColumns } from "../contacts/rows.ts";
import type { Contact, ContactValues } from "../contacts/schema.ts";
import type { DB } from "../tables.gen.ts";
import type { ImportKey } from "./queries.ts";

type Db = Kysely<DB>;

/** What an import did to a contact, and what the contact is now. */
export interface Outcome {
  readonly contact: Contact;
  readonly deleted: boolean;
  /** Somebody has logged something with the contact, or made a lead of it. */
  readonly inUse: boolean;
  readonly line: number;
  /** The former values of what was changed; null if the contact was made. */
  readonly before: Partial<ContactValues> | null;
  /** As the import has left it. */
  readonly version: number;
}

/** Some of what is yet to be undone, by contact, with the contacts locked. */
export async function lockResults(
  db: Db,
  { tenantId, importId }: ImportKey,
  most: number,
): Promise<Outcome[]> {
  const ofContact = (table: "crm.interactions" | "crm.leads") => sql<boolean>`exists (
    select from ${sql.table(table)} used
    where used.tenant_id = contacts.tenant_id and used.contact_id = contacts.contact_id
      and used.deleted_at is null
    -- Else all that are used would be read for each batch.
    offset 0)`;
  const rows = await db
    .selectFrom("crm.import_results as results")
    .innerJoinLateral(
      rowById("crm.contacts", { tenantId, id: "results.contact_id", as: "contacts" }),
      (join) => join.onTrue(),
    )
    .select(joinedColumns)
    .select([
      "contacts.deleted_at",
      "results.line",
      "results.before",
      "results.version as version_left",
      sql<boolean>`${ofContact("crm.interactions")} or ${ofContact("crm.leads")}`.as("in_use"),
    ])
    .where("results.tenant_id", "=", tenantId)
    .where("results.import_id", "=", importId)
    .orderBy("results.contact_id")
    .limit(most)
    .forUpdate("contacts")
    .execute();
  return rows.map((row) => ({
    contact: contactOf(row),
    deleted: row.deleted_at !== null,
    inUse: row.in_use,
    line: row.line,
    // Only what `changedFields` made is ever written there.
    before: row.before as Outcome["before"],
    version: row.version_left,
  }));
}

export async function deleteContacts(
  db: Db,
  tenantId: string,
  ids: readonly string[],
): Promise<void> {
  await db
    .updateTable("crm.contacts")
    .set({
      deleted_at: sql<Date>`now()`,
      updated_at: sql<Date>`now()`,
      version: sql<number>`version + 1`,
    })
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", sql<string>`any(${[...ids]}::uuid[])`)
    .execute();
}

/** Takes results off what is to be undone, and counts what became of them. */
export async function settle(
  db: Db,
  { tenantId, importId }: ImportKey,
  outcomes: readonly Outcome[],
  counts: { readonly removed: number; readonly restored: number; readonly kept: number },
): Promise<void> {
  const ids = outcomes.map(({ contact }) => contact.id);
  await db
    .deleteFrom("crm.import_results")
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .where("contact_id", "=", sql<string>`any(${ids}::uuid[])`)
    .execute();
  await db
    .updateTable("crm.imports")
    .set((eb) => ({
      removed: eb("removed", "+", counts.removed),
      restored: eb("restored", "+", counts.restored),
      kept: eb("kept", "+", counts.kept),
      touched_at: sql<Date>`now()`,
    }))
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .execute();
}

import { type Kysely, sql } from "kysely";
import { rowById, unknownTenant } from "../by-id.queries.ts";
import { touched } from "../contacts/queries.ts";
import { contactOf, joinedColumns } from "../contacts/rows.ts";
import type { Contact, ContactValues } from "../contacts/schema.ts";
import type { DB } from "../tables.gen.ts";
import { type ImportKey, setStatus } from "./queries.ts";
import type { ContactImport } from "./schema.ts";

type Db = Kysely<DB>;

/** Has an import undone. `undoneBy` is the user who asks for it; null for a program. */
export async function beginUndo(
  db: Db,
  key: ImportKey,
  { undoneBy, requestId }: { readonly undoneBy: string | null; readonly requestId: string },
): Promise<ContactImport> {
  await db
    .updateTable("crm.imports")
    .set({ undone_by: undoneBy, undo_request_id: requestId })
    .where("tenant_id", "=", key.tenantId)
    .where("import_id", "=", key.importId)
    .execute();
  return setStatus(db, key, "undoing");
}

/** What an import did to a contact, and what the contact is now. */
export interface Outcome {
  readonly contact: Contact;
  readonly deleted: boolean;
  /** It was made by the import, and somebody has logged something with it, or made a lead of it. */
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
    ])
    .where("results.tenant_id", "=", tenantId)
    .where("results.import_id", "=", importId)
    .orderBy("results.contact_id")
    .limit(most)
    .forUpdate("contacts")
    .execute();
  const made = rows.filter(({ before }) => before === null).map((row) => row.contact_id);
  const used = await findUsed(db, tenantId, made);
  return rows.map((row) => ({
    contact: contactOf(row),
    deleted: row.deleted_at !== null,
    inUse: used.has(row.contact_id),
    line: row.line,
    // Only what `changedFields` made is ever written there.
    before: row.before as Outcome["before"],
    version: row.version_left,
  }));
}

/**
 * Those of the contacts that somebody works with. To be asked once they are locked: a statement that waits
 * for a lock does not see what the lock's holder has added meanwhile.
 */
async function findUsed(db: Db, tenantId: string, ids: readonly string[]): Promise<Set<string>> {
  const ofContact = (table: "crm.interactions" | "crm.leads") => sql<boolean>`exists (
    select from ${sql.table(table)} used
    where used.tenant_id = ${unknownTenant(tenantId)} and used.contact_id = given.contact_id
      and used.deleted_at is null
    -- Else all that are used would be read for each batch.
    offset 0)`;
  const { rows } = await sql<{ contact_id: string }>`
    select given.contact_id from unnest(${[...ids]}::uuid[]) as given (contact_id)
    where ${ofContact("crm.interactions")} or ${ofContact("crm.leads")}`.execute(db);
  return new Set(rows.map((row) => row.contact_id));
}

export async function deleteContacts(
  db: Db,
  tenantId: string,
  ids: readonly string[],
): Promise<void> {
  await db
    .updateTable("crm.contacts")
    .set({ deleted_at: sql<Date>`now()`, ...touched })
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

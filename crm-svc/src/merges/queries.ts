import { type Kysely, sql } from "kysely";
import { contactColumns, contactOf, rowOf } from "../contacts/rows.ts";
import type { Contact, ContactValues } from "../contacts/schema.ts";
import type { DB } from "../tables.gen.ts";
import type { Changes } from "./rules.ts";
import type { Merge } from "./schema.ts";

type Db = Kysely<DB>;

/** A contact, be it deleted or not; a merged one is deleted too. */
export interface LockedContact {
  readonly contact: Contact;
  readonly deleted: boolean;
  readonly mergedInto: string | null;
}

/** Those that are within reach, locked until the transaction ends; in one order, against deadlocks. */
export async function lockContacts(
  db: Db,
  { tenantId, ownedBy }: { readonly tenantId: string; readonly ownedBy: string | null },
  ids: readonly string[],
): Promise<Map<string, LockedContact>> {
  const rows = await db
    .selectFrom("crm.contacts")
    .select([...contactColumns, "deleted_at", "merged_into"])
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", sql<string>`any(${ids}::uuid[])`)
    .$if(ownedBy !== null, (query) => query.where("owner_user_id", "=", ownedBy))
    .orderBy("contact_id")
    .forUpdate()
    .execute();
  return new Map(
    rows.map((row) => [
      row.contact_id,
      {
        contact: contactOf(row),
        deleted: row.deleted_at !== null,
        mergedInto: row.merged_into,
      },
    ]),
  );
}

const touched = { version: sql<number>`version + 1`, updated_at: sql<Date>`now()` };

/** Also of a deleted contact. */
export async function updateTarget(
  db: Db,
  tenantId: string,
  id: string,
  values: ContactValues,
): Promise<Contact> {
  const row = await db
    .updateTable("crm.contacts")
    .set({ ...rowOf(values), ...touched })
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", id)
    .returning(contactColumns)
    .executeTakeFirstOrThrow();
  return contactOf(row);
}

export async function markMerged(
  db: Db,
  tenantId: string,
  sourceIds: readonly string[],
  targetId: string,
): Promise<void> {
  await db
    .updateTable("crm.contacts")
    .set({ deleted_at: sql<Date>`now()`, merged_into: targetId, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", sql<string>`any(${sourceIds}::uuid[])`)
    .execute();
}

/** Brings sources back. Returns those that were still merged into the target. */
export async function unmarkMerged(
  db: Db,
  tenantId: string,
  sourceIds: readonly string[],
  targetId: string,
): Promise<Contact[]> {
  const rows = await db
    .updateTable("crm.contacts")
    .set({ deleted_at: null, merged_into: null, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", sql<string>`any(${sourceIds}::uuid[])`)
    .where("merged_into", "=", targetId)
    .returning(contactColumns)
    .execute();
  return rows.map(contactOf);
}

export interface NewMerge {
  readonly mergeId: string;
  readonly targetId: string;
  readonly sourceIds: readonly string[];
  readonly changed: Changes;
  readonly userId: string | null;
}

export async function insertMerge(db: Db, tenantId: string, merge: NewMerge): Promise<void> {
  await db
    .insertInto("crm.merges")
    .values({
      tenant_id: tenantId,
      merge_id: merge.mergeId,
      target_id: merge.targetId,
      source_ids: [...merge.sourceIds],
      changed: JSON.stringify(merge.changed),
      merged_by: merge.userId,
    })
    .execute();
  await db
    .insertInto("crm.merged_rows")
    .values(
      merge.sourceIds.map((row_id) => ({
        tenant_id: tenantId,
        merge_id: merge.mergeId,
        kind: "source",
        row_id,
      })),
    )
    .execute();
}

/** A merge, with what it takes to undo it. */
export interface KeptMerge {
  readonly mergeId: string;
  readonly targetId: string;
  readonly sourceIds: readonly string[];
  readonly changed: Changes;
  readonly undone: boolean;
}

/** Locked until the transaction ends. */
export async function lockMerge(db: Db, tenantId: string, id: string): Promise<KeptMerge | null> {
  const row = await db
    .selectFrom("crm.merges")
    .select(["merge_id", "target_id", "source_ids", "changed", "undone_at"])
    .where("tenant_id", "=", tenantId)
    .where("merge_id", "=", id)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    mergeId: row.merge_id,
    targetId: row.target_id,
    sourceIds: row.source_ids,
    // As insertMerge wrote it.
    changed: row.changed as Changes,
    undone: row.undone_at !== null,
  };
}

export async function markUndone(db: Db, tenantId: string, id: string): Promise<void> {
  await db
    .updateTable("crm.merges")
    .set({ undone_at: sql<Date>`now()` })
    .where("tenant_id", "=", tenantId)
    .where("merge_id", "=", id)
    .execute();
}

/** The latest merge that stands in which a contact became part of another. */
export async function findMergeOfSource(
  db: Db,
  tenantId: string,
  contactId: string,
): Promise<string | null> {
  const row = await db
    .selectFrom("crm.merged_rows as source")
    .innerJoin("crm.merges as merge", (join) =>
      join
        .on("merge.tenant_id", "=", tenantId)
        .onRef("merge.merge_id", "=", "source.merge_id")
        .on("merge.undone_at", "is", null),
    )
    .select("source.merge_id")
    .where("source.tenant_id", "=", tenantId)
    .where("source.kind", "=", "source")
    .where("source.row_id", "=", contactId)
    .orderBy("source.merge_id", "desc")
    .executeTakeFirst();
  return row?.merge_id ?? null;
}

/** The merges in which a contact remained or was a source, newest first, one more than `limit`. */
export async function listMerges(
  db: Db,
  tenantId: string,
  contactId: string,
  limit: number,
  before: string | undefined,
): Promise<Merge[]> {
  const rows = await db
    .selectFrom("crm.merges")
    .select(["merge_id", "target_id", "source_ids", "merged_by", "merged_at", "undone_at"])
    .where("tenant_id", "=", tenantId)
    .where((eb) =>
      eb(
        "merge_id",
        "in",
        eb
          .selectFrom("crm.merged_rows")
          .select("merge_id")
          .where("tenant_id", "=", tenantId)
          .where("kind", "=", "source")
          .where("row_id", "=", contactId)
          .unionAll(
            eb
              .selectFrom("crm.merges")
              .select("merge_id")
              .where("tenant_id", "=", tenantId)
              .where("target_id", "=", contactId),
          ),
      ),
    )
    .$if(before !== undefined, (query) => query.where("merge_id", "<", before ?? ""))
    .orderBy("merge_id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({
    id: row.merge_id,
    targetId: row.target_id,
    sourceIds: row.source_ids,
    mergedBy: row.merged_by,
    mergedAt: row.merged_at.toISOString(),
    undoneAt: row.undone_at?.toISOString() ?? null,
  }));
}

import { type Kysely, sql } from "kysely";
import { rowById } from "../by-id.queries.ts";
import { touched } from "../contacts/queries.ts";
import { contactColumns, contactOf } from "../contacts/rows.ts";
import type { Contact } from "../contacts/schema.ts";
import type { DB } from "../tables.gen.ts";
import type { Changes } from "./rules.ts";
import type { Merge } from "./schema.ts";

type Db = Kysely<DB>;

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

/** The tenant's own fields of those that are part of a contact by other merges than this. */
export async function findCustomOfOtherParts(
  db: Db,
  tenantId: string,
  { mergeId, targetId }: Pick<KeptMerge, "mergeId" | "targetId">,
): Promise<Contact["custom"][]> {
  const { rows } = await sql<Pick<Contact, "custom">>`
    select part.custom
    from crm.merges
    cross join unnest(merges.source_ids) as source (id)
    cross join lateral ${rowById("crm.contacts", { tenantId, id: "source.id", as: "part" })}
    where merges.tenant_id = ${tenantId}::uuid and merges.target_id = ${targetId}::uuid
      and merges.merge_id <> ${mergeId}::uuid and merges.undone_at is null
      and part.merged_into = ${targetId}::uuid`.execute(db);
  return rows.map(({ custom }) => custom);
}

/** Which of the tenant's own fields somebody has changed of a contact since it got its part in a merge. */
export async function findCustomChangedSince(
  db: Db,
  tenantId: string,
  { mergeId, targetId }: Pick<KeptMerge, "mergeId" | "targetId">,
): Promise<Set<string>> {
  // The ids of both are of the moment at which they were written, with the contact locked.
  const { rows } = await sql<{ name: string }>`
    select distinct name
    from crm.audit_log
    cross join lateral jsonb_object_keys(before->'custom' || (after->'custom')) as name
    where tenant_id = ${tenantId}::uuid and entity = 'contact' and entity_id = ${targetId}::uuid
      and audit_id > ${mergeId}::uuid
      and before->'custom'->name is distinct from after->'custom'->name`.execute(db);
  return new Set(rows.map(({ name }) => name));
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

import { type Kysely, sql } from "kysely";
import type { DB } from "../tables.gen.ts";
import { type ImportKey, importOf } from "./queries.ts";
import type { ContactImport, ImportInput, StoredMapping } from "./schema.ts";

type Db = Kysely<DB>;

export interface NewImport extends ImportKey {
  readonly input: ImportInput;
  readonly mapping: StoredMapping;
  readonly createdBy: string;
  readonly requestId: string;
  readonly ownerId: string | null;
  readonly ownedBy: string | null;
}

export async function insertImport(
  db: Db,
  { tenantId, importId, input, mapping, createdBy, requestId, ownerId, ownedBy }: NewImport,
): Promise<void> {
  await db
    .insertInto("crm.imports")
    .values({
      tenant_id: tenantId,
      import_id: importId,
      status: "uploading",
      mode: input.mode,
      dry_run: input.dryRun,
      file_name: input.fileName ?? null,
      mapping: JSON.stringify(mapping),
      created_by: createdBy,
      request_id: requestId,
      owner_id: ownerId,
      owned_by: ownedBy,
    })
    .execute();
}

/** Stages batches of rows, the first as number `first`; false if the upload has been given up. */
export async function insertBatches(
  db: Db,
  { tenantId, importId }: ImportKey,
  first: number,
  batches: readonly string[],
): Promise<boolean> {
  const touched = await db
    .updateTable("crm.imports")
    .set({ touched_at: sql<Date>`now()` })
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .where("status", "=", "uploading")
    .executeTakeFirst();
  if (touched.numUpdatedRows === 0n) return false;
  await db
    .insertInto("crm.import_batches")
    .values(
      batches.map((records, at) => ({
        tenant_id: tenantId,
        import_id: importId,
        batch: first + at,
        records,
      })),
    )
    .execute();
  return true;
}

/** The upload is complete; null if it has been given up meanwhile. */
export async function queueImport(
  db: Db,
  { tenantId, importId }: ImportKey,
  rowsTotal: number,
): Promise<ContactImport | null> {
  const row = await db
    .updateTable("crm.imports")
    .set({ status: "queued", rows_total: rowsTotal, touched_at: sql<Date>`now()` })
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .where("status", "=", "uploading")
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : importOf(row);
}

/** Forgets an upload that did not come to its end, with what was staged of it. */
export async function deleteUpload(db: Db, { tenantId, importId }: ImportKey): Promise<void> {
  await db
    .deleteFrom("crm.imports")
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .where("status", "=", "uploading")
    .execute();
}

export async function deleteAbandonedUploads(db: Db, tenantId: string): Promise<void> {
  await db
    .deleteFrom("crm.imports")
    .where("tenant_id", "=", tenantId)
    .where("status", "=", "uploading")
    .where("touched_at", "<", sql<Date>`now() - interval '15 minutes'`)
    .execute();
}

/** Asked outside of all tenants. */
export async function tenantsWithAbandonedUploads(db: Db): Promise<string[]> {
  const { rows } = await sql<{ tenant_id: string }>`
    select tenant_id from crm.tenants_with_abandoned_uploads() as tenant_id`.execute(db);
  return rows.map((row) => row.tenant_id);
}

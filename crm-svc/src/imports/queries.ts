import { type Kysely, type Selectable, sql } from "kysely";
import type { CrmImports, DB } from "../tables.gen.ts";
import { pace } from "./rules.ts";
import {
  type ContactImport,
  contactImport,
  type ImportInput,
  type ImportMode,
  type ImportStatus,
  importMode,
  importStatus,
  type PreviewRow,
  type StoredMapping,
  storedMapping,
} from "./schema.ts";

type Db = Kysely<DB>;

/** Which import, of which tenant. */
export interface ImportKey {
  readonly tenantId: string;
  readonly importId: string;
}

/** Whose imports: `startedBy` null means everybody's. */
export interface ImportReach {
  readonly tenantId: string;
  readonly startedBy: string | null;
}

export interface NewImport extends ImportKey {
  readonly input: ImportInput;
  readonly mapping: StoredMapping;
  readonly createdBy: string;
  readonly ownerId: string | null;
  readonly ownedBy: string | null;
}

export async function insertImport(
  db: Db,
  { tenantId, importId, input, mapping, createdBy, ownerId, ownedBy }: NewImport,
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

/** The upload is complete; false if it has been given up meanwhile. */
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

export async function findImport(
  db: Db,
  reach: ImportReach,
  importId: string,
): Promise<ContactImport | null> {
  const row = await selectImports(db, reach).where("import_id", "=", importId).executeTakeFirst();
  return row === undefined ? null : importOf(row);
}

/** The import, locked until the transaction ends: between two batches of it. */
export async function lockImport(
  db: Db,
  reach: ImportReach,
  importId: string,
): Promise<ContactImport | null> {
  const row = await selectImports(db, reach)
    .where("import_id", "=", importId)
    .forUpdate()
    .executeTakeFirst();
  return row === undefined ? null : importOf(row);
}

/** Newest first, one more than `limit`; `after` is the last id of the page before. */
export async function listImports(
  db: Db,
  reach: ImportReach,
  limit: number,
  after: string | undefined,
): Promise<ContactImport[]> {
  const rows = await selectImports(db, reach)
    .$if(after !== undefined, (query) => query.where("import_id", "<", after ?? ""))
    .orderBy("import_id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map(importOf);
}

/** What a job needs of an import to go on with it. */
export interface Unfinished extends ImportKey {
  readonly status: "queued" | "running" | "undoing";
  readonly mode: ImportMode;
  readonly dryRun: boolean;
  readonly mapping: StoredMapping;
  readonly createdBy: string;
  readonly ownerId: string | null;
  readonly ownedBy: string | null;
  /** Rows that its preview has. */
  readonly previewed: number;
}

/** The tenant's oldest import that is not at its end. */
export async function findUnfinished(db: Db, tenantId: string): Promise<Unfinished | null> {
  const row = await db
    .selectFrom("crm.imports")
    .select(["import_id", "status", "mode", "dry_run", "mapping", "created_by"])
    .select(["owner_id", "owned_by"])
    .select(sql<number>`jsonb_array_length(preview)`.as("previewed"))
    .where("tenant_id", "=", tenantId)
    .where("status", "in", ["queued", "running", "undoing"])
    .orderBy("import_id")
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    tenantId,
    importId: row.import_id,
    status: importStatus.extract(["queued", "running", "undoing"]).parse(row.status),
    mode: importMode.parse(row.mode),
    dryRun: row.dry_run,
    mapping: storedMapping.parse(row.mapping),
    createdBy: row.created_by,
    ownerId: row.owner_id,
    ownedBy: row.owned_by,
    previewed: row.previewed,
  };
}

/** The status, and nobody changes it until the transaction ends. */
export async function lockStatus(
  db: Db,
  { tenantId, importId }: ImportKey,
): Promise<ImportStatus | null> {
  const row = await db
    .selectFrom("crm.imports")
    .select("status")
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .forUpdate()
    .executeTakeFirst();
  return row === undefined ? null : importStatus.parse(row.status);
}

export async function setStatus(
  db: Db,
  { tenantId, importId }: ImportKey,
  status: "running" | "done" | "cancelled" | "failed" | "undoing" | "undone",
): Promise<ContactImport> {
  const ended = status !== "running" && status !== "undoing";
  const row = await db
    .updateTable("crm.imports")
    .set({
      status,
      touched_at: sql<Date>`now()`,
      ...(status === "running" && { started_at: sql<Date>`coalesce(started_at, now())` }),
      finished_at: ended ? sql<Date>`now()` : null,
    })
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .returningAll()
    .executeTakeFirstOrThrow();
  return importOf(row);
}

/** Forgets what was yet to be worked through, and what only a running import needs. */
export async function deleteRest(db: Db, { tenantId, importId }: ImportKey): Promise<void> {
  for (const table of ["crm.import_batches", "crm.import_keys"] as const) {
    await db
      .deleteFrom(table)
      .where("tenant_id", "=", tenantId)
      .where("import_id", "=", importId)
      .execute();
  }
}

/** Errors in the order of the file, after a position, at most `most`. */
export async function listErrors(
  db: Db,
  { tenantId, importId }: ImportKey,
  after: { readonly line: number; readonly place: number },
  most: number,
) {
  return db
    .selectFrom("crm.import_errors")
    .select(["line", "place", "field as column", "value", "reason"])
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .where(sql<boolean>`(line, place) > (${after.line}::integer, ${after.place}::integer)`)
    .orderBy("line")
    .orderBy("place")
    .limit(most)
    .execute();
}

function selectImports(db: Db, { tenantId, startedBy }: ImportReach) {
  return db
    .selectFrom("crm.imports")
    .selectAll()
    .where("tenant_id", "=", tenantId)
    .$if(startedBy !== null, (query) => query.where("created_by", "=", startedBy ?? ""));
}

/** The JSON was made by the schemas that it is read with. */
export function importOf(row: Selectable<CrmImports>): ContactImport {
  const { headers, columns } = storedMapping.parse(row.mapping);
  const status = importStatus.parse(row.status);
  const field = (column: number): string | null =>
    columns.find(([, places]) => places.includes(column))?.[0] ?? null;
  return {
    id: row.import_id,
    status,
    mode: importMode.parse(row.mode),
    dryRun: row.dry_run,
    fileName: row.file_name,
    columns: headers.map((header, column) => ({ header, field: field(column) })),
    createdBy: row.created_by,
    rowsTotal: row.rows_total,
    rowsRead: row.rows_read,
    created: row.created,
    updated: row.updated,
    skipped: row.skipped,
    failed: row.failed,
    removed: row.removed,
    restored: row.restored,
    kept: row.kept,
    ...pace({
      status,
      rowsTotal: row.rows_total,
      rowsRead: row.rows_read,
      workingMs: row.working_ms,
    }),
    preview: contactImport.shape.preview.parse(row.preview) satisfies PreviewRow[],
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}

import { type Kysely, type Selectable, sql } from "kysely";
import type { CrmImports, DB } from "../tables.gen.ts";
import { pace } from "./rules.ts";
import {
  type ContactImport,
  contactImport,
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
  /** Who has asked for it, or for its undoing if that is under way; null of an undoing by a program. */
  readonly actorId: string | null;
  /** In which request; undefined where that was not kept. */
  readonly requestId: string | undefined;
  readonly ownerId: string | null;
  readonly ownedBy: string | null;
  /** Rows that its preview has. */
  readonly previewed: number;
}

/** The tenant's oldest import that is not at its end. */
export async function findUnfinished(db: Db, tenantId: string): Promise<Unfinished | null> {
  const row = await db
    .selectFrom("crm.imports")
    .select(["import_id", "status", "mode", "dry_run", "mapping", "owner_id", "owned_by"])
    .select(["created_by", "request_id", "undone_by", "undo_request_id"])
    .select(sql<number>`jsonb_array_length(preview)`.as("previewed"))
    .where("tenant_id", "=", tenantId)
    .where("status", "in", ["queued", "running", "undoing"])
    .orderBy("import_id")
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return null;
  const status = importStatus.extract(["queued", "running", "undoing"]).parse(row.status);
  const undoing = status === "undoing";
  return {
    tenantId,
    importId: row.import_id,
    status,
    mode: importMode.parse(row.mode),
    dryRun: row.dry_run,
    mapping: storedMapping.parse(row.mapping),
    actorId: undoing ? row.undone_by : row.created_by,
    requestId: (undoing ? row.undo_request_id : row.request_id) ?? undefined,
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

import type { AuditEntry } from "@crm/platform/audit";
import { errorCode } from "@crm/platform/database-errors";
import { type Kysely, sql } from "kysely";
import type { ContactSettings } from "../contact-fields/queries.ts";
import type { ContactValues } from "../contacts/schema.ts";
import type { RowFault } from "../csv/schema.ts";
import { type Held, holdIdentities } from "../duplicates/queries.ts";
import type { DB } from "../tables.gen.ts";
import * as queries from "./batch-queries.ts";
import { keysOf, plan } from "./plan.ts";
import type { ImportKey } from "./queries.ts";
import type { ImportMode } from "./schema.ts";
import type { Row, Understood } from "./understand.ts";

/** What the rows of an import are worked through with. */
export interface Work extends ImportKey {
  readonly mode: ImportMode;
  readonly dryRun: boolean;
  readonly ownedBy: string | null;
  readonly settings: ContactSettings;
  /** Rows of the preview that are still wanted. */
  readonly previewRows: number;
}

/** What a batch has come to. */
export interface Done extends Omit<queries.Step, "workingMs"> {
  readonly audit: readonly AuditEntry[];
}

/** Works a batch through, all in the caller's transaction. */
export async function workThrough(
  db: Kysely<DB>,
  work: Work,
  understood: Understood,
): Promise<Done> {
  const applied = await apply(db, work, understood.rows);
  const faults = [...understood.faults, ...applied.faults];
  await queries.insertErrors(db, work, faults);
  return {
    ...applied.counts,
    read: understood.rows.length + linesOf(understood.faults),
    failed: linesOf(faults),
    preview: applied.preview,
    audit: applied.audit,
  };
}

/**
 * The same row by row, for a batch in which PostgreSQL refuses something that every check before has
 * let through: it costs its own row.
 */
export async function workThroughSingly(
  db: Kysely<DB>,
  work: Work,
  { rows, faults }: Understood,
): Promise<Done> {
  const steps = [await workThrough(db, work, { rows: [], faults })];
  for (const row of rows) {
    await sql`savepoint one_row`.execute(db);
    try {
      steps.push(await workThrough(db, work, { rows: [row], faults: [] }));
    } catch (error) {
      if (!isRefusedData(error)) throw error;
      await sql`rollback to savepoint one_row`.execute(db);
      const reason = "has a value that cannot be kept";
      const fault = { line: row.line, column: null, value: null, reason };
      steps.push(await workThrough(db, work, { rows: [], faults: [fault] }));
    }
  }
  const sum = (count: (step: Done) => number): number =>
    steps.reduce((total, step) => total + count(step), 0);
  return {
    read: sum((step) => step.read),
    created: sum((step) => step.created),
    updated: sum((step) => step.updated),
    skipped: sum((step) => step.skipped),
    failed: sum((step) => step.failed),
    preview: steps.flatMap((step) => step.preview).slice(0, work.previewRows),
    audit: steps.flatMap((step) => step.audit),
  };
}

/** Class 22, data exception; class 23, integrity constraint violation. */
export function isRefusedData(error: unknown): boolean {
  return /^2[23]/.test(errorCode(error) ?? "");
}

async function apply(db: Kysely<DB>, work: Work, rows: readonly Row[]) {
  const { tenantId, mode, dryRun } = work;
  // Who is being created at this moment is waited for, and found; and whoever creates one of these waits.
  if (mode !== "create" && !dryRun) await holdIdentities(db, tenantId, rows.map(lookedForBy));
  const matches = rows.length > 0 ? await queries.matchRows(db, rows) : [];
  const decided = plan(rows, matches, {
    ...work,
    owners: await ownersOf(db, tenantId, rows),
    existing:
      mode === "update"
        ? await queries.lockContacts(
            db,
            tenantId,
            matches.flatMap(({ contactId, merged }) => (merged ? [] : (contactId ?? []))),
          )
        : new Map(),
    knownKeys: dryRun
      ? await queries.findKeys(
          db,
          work,
          rows.flatMap((row, at) => keysOf(row, matches[at] ?? NO_MATCH)[0] ?? []),
        )
      : new Set(),
    previewRows: dryRun ? work.previewRows : 0,
  });
  const { created, updated, counts, faults, preview, newKeys } = decided;
  if (dryRun) {
    await queries.insertKeys(db, work, newKeys);
    return { counts, faults, preview, audit: [] };
  }
  await queries.insertContacts(db, tenantId, created);
  await queries.updateContacts(
    db,
    tenantId,
    updated.map(({ contact: { id }, values }) => ({ id, values })),
  );
  await queries.insertResults(db, work, [
    ...created.map(({ id, line }) => ({ contactId: id, line, before: null, version: 1 })),
    ...updated.map(({ contact, line, before }) => ({
      contactId: contact.id,
      line,
      before,
      version: contact.version + 1,
    })),
  ]);
  const audit: AuditEntry[] = [
    ...created.map(({ id, values }) => ({
      entity: "contact",
      entityId: id,
      action: "created",
      before: null,
      after: { id, ...filled(values) },
    })),
    ...updated.map(({ contact, before, after }) => ({
      entity: "contact",
      entityId: contact.id,
      action: "updated",
      before,
      after,
    })),
  ];
  return { counts, faults, preview, audit };
}

/**
 * What a row is recognised by, if it is no contact of an export of ours, which is there already. One thing
 * each, because PostgreSQL has room for some thousand such locks.
 */
function lookedForBy({ values: { email, phone, company, lastName } }: Row): Held {
  const nothing = { email: null, phone: null, company: null, lastName: null };
  if (email !== null) return { ...nothing, email };
  return phone === null ? { ...nothing, company, lastName } : { ...nothing, phone };
}

const NO_MATCH = { phoneKey: null, nameKey: "", contactId: null, merged: false };

async function ownersOf(
  db: Kysely<DB>,
  tenantId: string,
  rows: readonly Row[],
): Promise<Set<string>> {
  const named = new Set(rows.flatMap(({ fields }) => fields.ownerUserId ?? []));
  return named.size === 0 ? named : queries.findUsers(db, tenantId, [...named]);
}

/** Of a new contact the audit log need not say of a million what they all have not. */
function filled(values: ContactValues): Partial<ContactValues> {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([, value]) => value !== null && (typeof value !== "object" || Object.keys(value).length > 0),
    ),
  );
}

/** Rows that have faults, of which each may have several. */
function linesOf(faults: readonly RowFault[]): number {
  return new Set(faults.map(({ line }) => line)).size;
}

import { flag, id, text, timestamp } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";
import { contact } from "../contacts/schema.ts";
import { contactColumn, givenMapping } from "../csv/schema.ts";

/**
 * What to do with a row whose contact is there already: leave the contact as it is, give it the row's
 * values (blank cells change nothing), or make another one. A contact of an export that has been merged
 * since is there, as the one that answers in its place; no mode but the last does anything with its row, which
 * is older than the merge.
 */
export const importMode = z.enum(["skip", "update", "create"]);
export type ImportMode = z.output<typeof importMode>;

export const importStatus = z.enum([
  "uploading",
  "queued",
  "running",
  "done",
  "cancelled",
  "failed",
  "undoing",
  "undone",
]);
export type ImportStatus = z.output<typeof importStatus>;

/** What comes before the file's bytes. */
export const importInput = z.strictObject({
  mode: importMode.default("skip"),
  dryRun: flag.default(false),
  mapping: givenMapping.default({}),
  fileName: text(255).nullish(),
});
export type ImportInput = z.output<typeof importInput>;

export const getImportInput = z.strictObject({ id });
export const listImportsInput = z.strictObject(pageInput);

const count = z.int().nonnegative();

/** A row as it would become; `contact` lacks what only a contact that is there has. */
const previewRow = z.strictObject({
  line: z.int(),
  action: z.enum(["create", "update", "skip"]),
  contact: contact.omit({ id: true, version: true, createdAt: true, updatedAt: true }),
});
export type PreviewRow = z.output<typeof previewRow>;

export const contactImport = z.strictObject({
  id: z.uuid(),
  status: importStatus,
  mode: importMode,
  dryRun: z.boolean(),
  fileName: z.string().nullable(),
  /** By header, in the order of the file: the field that the column is, or null. */
  columns: z.array(z.strictObject({ header: z.string(), field: z.string().nullable() })),
  createdBy: z.uuid(),
  /** Rows of the file; null until all of it has arrived. */
  rowsTotal: count.nullable(),
  rowsRead: count,
  created: count,
  updated: count,
  skipped: count,
  failed: count,
  /** Of an undone import: contacts deleted, given their former values, and kept as somebody changed them. */
  removed: count,
  restored: count,
  kept: count,
  rowsPerSecond: z.number().nullable(),
  secondsLeft: z.number().nullable(),
  /** The first rows of a dry run, as they would become. */
  preview: z.array(previewRow),
  createdAt: timestamp,
  startedAt: timestamp.nullable(),
  finishedAt: timestamp.nullable(),
});
export type ContactImport = z.output<typeof contactImport>;

export const contactImportPage = pageOf(contactImport);

/** What the columns of a staged file are, as it is kept. */
export const storedMapping = z.strictObject({
  headers: z.array(z.string()),
  columns: z.array(
    z.tuple([
      z.union([contactColumn, z.templateLiteral(["custom.", z.string()])]),
      z.array(z.int()),
    ]),
  ),
  ignored: z.array(z.string()),
});
export type StoredMapping = z.output<typeof storedMapping>;

/** Rows of a file as they are staged: line and cells. */
export const stagedRecords = z.array(z.tuple([z.int(), z.array(z.string())]));
export type StagedRecord = z.output<typeof stagedRecords>[number];

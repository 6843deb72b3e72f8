import { Failure } from "@crm/platform/errors";
import { text } from "@crm/platform/input";
import { z } from "zod";

/** More columns than any export of contacts has. */
export const MAX_COLUMNS = 1_000;
/** A longer record is no contact: a quote in it was never closed, or the file is no CSV. */
export const MAX_RECORD_BYTES = 1 << 20;
const MAX_HEADER = 1_000;

/**
 * A record of a file: the line on which it begins (from 1) and its cells, as many as there are; of those
 * beyond the most columns only the first that is not blank.
 */
export interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

/** What a column can be, besides the tenant's own fields; in the order of an export. */
export const contactColumn = z.enum([
  "id",
  "firstName",
  "lastName",
  "fullName",
  "email",
  "phone",
  "company",
  "title",
  "website",
  "address.street",
  "address.city",
  "address.region",
  "address.postalCode",
  "address.country",
  "tags",
  "source",
  "lifecycleStage",
  "ownerUserId",
]);
export type ContactColumn = z.output<typeof contactColumn>;

/** A column's meaning: one of ours, or a field of the tenant's own. */
export type Target = ContactColumn | `custom.${string}`;

/** By a column's header: what it is, or null for a column to leave out. */
export const givenMapping = z.record(text(MAX_HEADER), text(100).nullable());
export type GivenMapping = z.output<typeof givenMapping>;

/** What is wrong with one cell of a row, or (without a column) with the row: it alone is left out. */
export interface RowFault {
  readonly line: number;
  /** Its header, as it stands in the file. */
  readonly column: string | null;
  readonly value: string | null;
  readonly reason: string;
}

/**
 * The whole file cannot be read as contacts: 422. `line` is where that shows, if it is in one place.
 * What is wrong with one row alone is a RowFault instead.
 */
export function unreadable(code: string, message: string, line?: number): Failure {
  const path = line === undefined ? "" : `line ${line}`;
  return new Failure("invalid", code, message, { fields: [{ path, code, message }] });
}

import { stringify } from "csv-stringify/sync";
import type { ContactField } from "../contact-fields/schema.ts";
import { type ContactColumn, contactColumn } from "./schema.ts";

/** Not of `fullName`, which the import only guesses from. */
export type ExportColumn = Exclude<ContactColumn, "fullName">;
export const EXPORT_COLUMNS = contactColumn.exclude(["fullName"]).options;

/** Of these the import takes none. */
const TIMES = ["createdAt", "updatedAt"];

/** The line of headers of an export, with a byte order mark: without, Excel takes it for Latin-1. */
export function headerLine(customFields: readonly Pick<ContactField, "name">[]): string {
  const custom = customFields.map(({ name }) => `custom.${name}`);
  const headers = [...EXPORT_COLUMNS, ...custom, ...TIMES];
  return `\ufeff${stringify([headers], { record_delimiter: "windows" })}`;
}

import { stringify } from "csv-stringify/sync";
import { guardCell } from "../csv/cells.ts";
import type { RowFault } from "../csv/schema.ts";

const COLUMNS = ["line", "column", "value", "reason"];

/** The line of headers, with a byte order mark: without, Excel takes the file for Latin-1. */
export const errorHeader = `\ufeff${linesOf([COLUMNS])}`;

/** Faults as lines of CSV (RFC 4180), in which nothing is a formula. */
export function errorLines(faults: readonly RowFault[]): string {
  return linesOf(
    faults.map(({ line, column, value, reason }) => [
      String(line),
      guardCell(column ?? ""),
      guardCell(value ?? ""),
      reason,
    ]),
  );
}

function linesOf(rows: string[][]): string {
  return stringify(rows, { record_delimiter: "windows", quoted_match: /[\r\n]/ });
}

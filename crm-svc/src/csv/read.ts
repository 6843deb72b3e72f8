import { pipeline } from "node:stream/promises";
import type { Failure } from "@crm/platform/errors";
import { CsvError, parse } from "csv-parse";
import { decodeFile } from "./encoding.ts";
import { type CsvRecord, MAX_COLUMNS, MAX_RECORD_BYTES, unreadable } from "./schema.ts";

export interface ReadOptions {
  /** A longer record ends the reading; 1 MiB if it is not said. */
  readonly maxRecordBytes?: number;
}

/**
 * The records of a CSV file, the line of headers first, without those that have only blank cells.
 * Encoding, separator (comma, semicolon or tab) and line ends are recognised; memory is bounded by the
 * longest record that may be. A quote within a cell that does not begin with one stands for itself, as
 * it does in Excel, so that a slip costs its own row.
 *
 * Throws `unreadable`, and then no more records come, even of those before: an empty file, one that is
 * not text, bytes of another encoding, more than 1,000 columns, a record that is too long, a quote that
 * never closes. What `bytes` throws goes through. `bytes` is closed when the reading ends, early or not.
 */
export async function* readRecords(
  bytes: AsyncIterable<Uint8Array>,
  { maxRecordBytes = MAX_RECORD_BYTES }: ReadOptions = {},
): AsyncGenerator<CsvRecord, void> {
  const { sample, utf8 } = await decodeFile(bytes);
  let line = 1;
  let headers = true;
  /** What csv-parse had counted at the end of the record before. */
  let before = { bytes: 0, lines: 0 };

  /** csv-parse's own limit counts the text of the cells alone: no number of separators exceeds it. */
  function refuseLong(): void {
    if (parser.info.bytes - before.bytes > maxRecordBytes) throw tooLong();
  }

  function tooLong(): Failure {
    const size = `${maxRecordBytes.toLocaleString("en")} bytes`;
    // It counts the line ends within quotes, too.
    if (parser.info.lines > before.lines + 1) return unclosed(line, ` within ${size}`);
    const message = `The record on line ${line} is longer than ${size}.`;
    return unreadable("record_too_long", message, line);
  }

  async function* watched(): AsyncGenerator<Uint8Array, void> {
    for await (const piece of inPieces(utf8)) {
      refuseLong();
      yield piece;
    }
  }

  function record(cells: string[]): CsvRecord | null {
    // Again, so that it does not depend on where the pieces end.
    refuseLong();
    const { bytes: read, lines } = parser.info;
    before = { bytes: read, lines };
    const first = line;
    line += 1 + cells.reduce((sum, cell) => sum + lineBreaks(cell), 0);
    // Excel's own way to name the separator.
    if (first === 1 && cells.length === 2 && /^sep=$/i.test(cells[0] ?? "")) return null;
    if (!cells.some((cell) => cell.trim() !== "")) return null;
    if (headers && cells.length > MAX_COLUMNS) {
      const message = `The file has ${cells.length} columns, and at most ${MAX_COLUMNS} can be read.`;
      throw unreadable("too_many_columns", message, first);
    }
    headers = false;
    return { line: first, cells: withinColumns(cells) };
  }

  const parser = parse({
    delimiter: separatorOf(sample),
    // Excel's, Unix's, old Macs'; also mixed in one file.
    record_delimiter: ["\r\n", "\n", "\r"],
    relax_column_count: true,
    relax_quotes: true,
    max_record_size: maxRecordBytes,
    // Without `columns`, its types know of no other records than lists of cells.
    on_record: record as never,
  });
  // Its errors come out of the parser too.
  const fed = pipeline(watched(), parser).catch(() => {});
  try {
    // What `record` returns.
    yield* parser as AsyncIterable<CsvRecord>;
  } catch (error) {
    const { code } = error instanceof CsvError ? error : { code: undefined };
    if (code === "CSV_QUOTE_NOT_CLOSED") throw unclosed(line);
    throw code === "CSV_MAX_RECORD_SIZE" ? tooLong() : error;
  } finally {
    parser.destroy();
    await fed;
  }
}

/** What is parsed at a stretch, some milliseconds: bytes may arrive by the megabyte. */
const PIECE_BYTES = 16_384;

async function* inPieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      yield chunk.subarray(at, at + PIECE_BYTES);
    }
  }
}

/** Cells beyond the most columns fill a row up, if they are blank; else one of them makes it a bad one. */
function withinColumns(cells: string[]): string[] {
  if (cells.length <= MAX_COLUMNS) return cells;
  const surplus = cells.slice(MAX_COLUMNS).find((cell) => cell.trim() !== "");
  return [...cells.slice(0, MAX_COLUMNS), ...(surplus === undefined ? [] : [surplus])];
}

function unclosed(line: number, within = ""): Failure {
  const message = `The record that begins on line ${line} has a quote that is not closed${within}: close it, or remove it.`;
  return unreadable("unclosed_quote", message, line);
}

function lineBreaks(cell: string): number {
  if (!cell.includes("\n") && !cell.includes("\r")) return 0;
  return cell.match(/\r\n|\n|\r/g)?.length ?? 0;
}

const SEPARATORS = [",", ";", "\t"] as const;
/** Records that are looked at for the separator. */
const LOOKED_AT = 20;

/**
 * The separator that makes most columns of the headers; of several that make as many, the one that
 * makes as many of the records below.
 */
function separatorOf(sample: string): string {
  const named = /^sep=([,;\t])[\r\n]/i.exec(sample)?.[1];
  if (named !== undefined) return named;
  const scores = SEPARATORS.map((separator) => {
    const [headers = 0, ...records] = separatorsPerRecord(sample, separator);
    return headers + records.filter((count) => count === headers).length / (records.length + 1);
  });
  const best = scores.indexOf(Math.max(...scores));
  return SEPARATORS[best] ?? ",";
}

function separatorsPerRecord(sample: string, separator: string): number[] {
  const counts: number[] = [];
  let count = 0;
  let quoted = false;
  let blank = true;
  for (const character of sample) {
    if (character === '"') quoted = !quoted;
    else if (!quoted && character === separator) count++;
    else if (!quoted && (character === "\n" || character === "\r")) {
      if (!blank) counts.push(count);
      count = 0;
      blank = true;
      if (counts.length === LOOKED_AT) return counts;
    } else if (character !== " ") blank = false;
  }
  counts.push(count);
  return counts;
}

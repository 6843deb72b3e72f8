import { isAscii, isUtf8 } from "node:buffer";
import { unreadable } from "./schema.ts";

/** What a file is recognised by. */
const SAMPLE_BYTES = 65_536;

/** The encodings that are read. Any bytes are text in Windows-1252: no other must be taken for it. */
export const ENCODINGS = ["utf-8", "utf-16le", "utf-16be", "windows-1252"] as const;
type Encoding = (typeof ENCODINGS)[number];

/** The text of a file, as UTF-8 without a byte order mark, and the first of it to look at. */
export interface DecodedFile {
  readonly sample: string;
  readonly utf8: AsyncGenerator<Uint8Array, void>;
}

/**
 * Decodes a file whose encoding nobody told: UTF-8, UTF-16 (either byte order, with or without a
 * mark), or Windows-1252, which holds Latin-1. Reads 64 KiB before it returns, and closes `bytes` when
 * it throws. Whoever does not read `utf8` to its end must call its `return`.
 *
 * Throws `unreadable` for an empty file, for what is not text, and, while it is read, for bytes that
 * are not in the encoding.
 */
export async function decodeFile(bytes: AsyncIterable<Uint8Array>): Promise<DecodedFile> {
  const source = bytes[Symbol.asyncIterator]();
  try {
    const { head, ended } = await readHead(source);
    if (head.length === 0) {
      throw unreadable("empty_file", "The file is empty: it needs a line of headers and rows.");
    }
    refuseBinary(head);
    const { encoding, markBytes } = recognise(head, ended);
    const text = head.subarray(markBytes);
    const sample = new TextDecoder(encoding ?? "utf-8").decode(text);
    return { sample, utf8: reencode(text, ended ? undefined : source, encoding) };
  } catch (error) {
    await source.return?.();
    throw error;
  }
}

async function readHead(source: AsyncIterator<Uint8Array>) {
  const chunks: Uint8Array[] = [];
  for (let length = 0; length < SAMPLE_BYTES; ) {
    const { done, value } = await source.next();
    if (done) return { head: Buffer.concat(chunks), ended: true };
    chunks.push(value);
    length += value.length;
  }
  return { head: Buffer.concat(chunks), ended: false };
}

/** What people upload instead of CSV, by its first bytes. */
const BINARY_FILES: readonly (readonly [begins: string, what: string])[] = [
  ["PK\u0003\u0004", "an Excel file or another ZIP archive"],
  ["\u00d0\u00cf\u0011\u00e0", "an Excel file (.xls) or another Office document"],
  ["%PDF-", "a PDF document"],
  ["\u0089PNG", "an image (PNG)"],
  ["\u00ff\u00d8\u00ff", "an image (JPEG)"],
  ["GIF8", "an image (GIF)"],
  ["\u001f\u008b", "a compressed file (gzip)"],
  ["SQLite format 3", "a database (SQLite)"],
];

/** Text has next to no control characters but those of its lines; random bytes have 11 %. */
const MOST_CONTROLS = 0.05;

function refuseBinary(head: Buffer): void {
  const begin = head.toString("latin1", 0, 16);
  const [, what] = BINARY_FILES.find(([begins]) => begin.startsWith(begins)) ?? [];
  if (what !== undefined) {
    const advice = what.startsWith("an Excel") ? "save the sheet as CSV" : "export it as CSV";
    throw unreadable("not_csv", `The file is ${what}: ${advice} and upload that.`);
  }
  // NUL is left to `recognise`: half of the bytes of UTF-16 may be NUL.
  const controls = head.filter((byte) => byte > 0 && byte < 0x20 && !(byte >= 9 && byte <= 13));
  if (controls.length > head.length * MOST_CONTROLS) throw notText();
}

function notText() {
  return unreadable("not_csv", "The file is not text: export the contacts as CSV and upload that.");
}

/** `encoding` is null as long as it is undecided: see `utf8OrLatin`. */
function recognise(head: Buffer, ended: boolean): { encoding: Encoding | null; markBytes: number } {
  const begins = (...mark: number[]) => mark.every((byte, at) => head[at] === byte);
  if (begins(0xef, 0xbb, 0xbf)) return { encoding: "utf-8", markBytes: 3 };
  if (begins(0xff, 0xfe)) return { encoding: "utf-16le", markBytes: 2 };
  if (begins(0xfe, 0xff)) return { encoding: "utf-16be", markBytes: 2 };
  // Every separator and line end has its NUL on the same side of it.
  const nuls: [even: number, odd: number] = [0, 0];
  for (let at = head.indexOf(0); at !== -1; at = head.indexOf(0, at + 1))
    nuls[at % 2 === 0 ? 0 : 1]++;
  const [even, odd] = nuls;
  const least = head.length * 0.02;
  if (odd > least && odd > even * 10) return { encoding: "utf-16le", markBytes: 0 };
  if (even > least && even > odd * 10) return { encoding: "utf-16be", markBytes: 0 };
  if (even + odd > head.length * MOST_CONTROLS) throw notText();
  return { encoding: utf8OrLatin(head, ended), markBytes: 0 };
}

/**
 * Null for ASCII, and for ASCII before what may be half a character of UTF-8, unless that is the `last`:
 * then it is one of Latin-1. In text of another encoding next to nothing looks like UTF-8, so where more
 * does than does not, it is UTF-8 with faults, to be told of.
 */
function utf8OrLatin(bytes: Buffer, last: boolean): Encoding | null {
  const whole = bytes.subarray(0, bytes.length - cutOff(bytes));
  if (isAscii(whole)) return last && whole.length < bytes.length ? "windows-1252" : null;
  if (isUtf8(whole)) return "utf-8";
  const text = whole.toString();
  const faults = text.match(/\ufffd/g)?.length ?? 0;
  const others = text.match(/[^\p{ASCII}\ufffd]/gu)?.length ?? 0;
  return others > faults ? "utf-8" : "windows-1252";
}

/** How many bytes at the end begin a character of UTF-8 whose rest is yet to come. */
function cutOff(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? back : 0;
    }
  }
  return 0;
}

async function* reencode(
  head: Buffer,
  rest: AsyncIterator<Uint8Array> | undefined,
  encoding: Encoding | null,
): AsyncGenerator<Uint8Array, void> {
  const lines = { before: 0 };
  const convert = encoding === null ? recogniser(lines) : converter(encoding, lines);
  try {
    let chunk: Uint8Array | undefined = head;
    while (chunk !== undefined) {
      const text = convert(chunk, false);
      if (text.length > 0) yield text;
      const next: IteratorResult<Uint8Array> | undefined = await rest?.next();
      chunk = next === undefined || next.done ? undefined : next.value;
    }
    const text = convert(new Uint8Array(), true);
    if (text.length > 0) yield text;
  } finally {
    await rest?.return?.();
  }
}

/** Makes UTF-8 of one chunk after the other; throws `unreadable` with the line of the first fault. */
type Convert = (chunk: Uint8Array, last: boolean) => Uint8Array;

function converter(encoding: Encoding, lines: { before: number }): Convert {
  return encoding === "utf-8" ? utf8Checker(lines) : transcoder(encoding, lines);
}

/** So far there was ASCII: the first other byte decides, however late it comes. */
function recogniser(lines: { before: number }): Convert {
  let carried: Uint8Array = new Uint8Array();
  let convert: Convert | undefined;
  return (chunk, last) => {
    if (convert !== undefined) return convert(chunk, last);
    const bytes =
      carried.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        : Buffer.concat([carried, chunk]);
    const encoding = utf8OrLatin(bytes, last);
    if (encoding !== null) {
      convert = converter(encoding, lines);
      return convert(bytes, last);
    }
    const ascii = bytes.subarray(0, bytes.length - cutOff(bytes));
    carried = bytes.subarray(ascii.length);
    lines.before += lineFeeds(ascii);
    return ascii;
  };
}

function transcoder(encoding: Encoding, lines: { before: number }): Convert {
  const decoder = new TextDecoder(encoding, { fatal: true });
  return (chunk, last) => {
    try {
      const text = Buffer.from(decoder.decode(chunk, { stream: !last }));
      lines.before += lineFeeds(text);
      return text;
    } catch {
      throw wrongBytes(encoding.toUpperCase(), lines.before + 1);
    }
  };
}

/** Checks and passes on: far cheaper than to decode and encode again. */
function utf8Checker(lines: { before: number }): Convert {
  let carried: Uint8Array = new Uint8Array();
  return (chunk, last) => {
    const bytes = carried.length === 0 ? chunk : Buffer.concat([carried, chunk]);
    const whole = bytes.subarray(0, last ? bytes.length : bytes.length - cutOff(bytes));
    if (!isUtf8(whole)) throw wrongBytes("UTF-8", lines.before + 1 + lineFeedsBeforeFault(whole));
    carried = bytes.slice(whole.length);
    lines.before += lineFeeds(whole);
    return whole;
  };
}

function lineFeeds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

function lineFeedsBeforeFault(bytes: Uint8Array): number {
  let count = 0;
  for (let from = 0; ; count++) {
    const end = bytes.indexOf(10, from);
    if (end === -1 || !isUtf8(bytes.subarray(from, end))) return count;
    from = end + 1;
  }
}

function wrongBytes(encoding: string, line: number) {
  const message = `Near line ${line} there are bytes that are not ${encoding}, as the rest of the file is: save it as UTF-8 and upload that.`;
  return unreadable("wrong_encoding", message, line);
}

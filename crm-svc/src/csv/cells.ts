/**
 * What spreadsheets take for a formula when a cell begins with it (OWASP, CSV injection; the full-width
 * forms are Japanese Excel's), and the apostrophe itself, so that taking it away is never a guess.
 */
const GUARDED = /^[=+\-@\t\r'＝＋－＠]/;

/** A cell that no spreadsheet runs: with an apostrophe before what could begin a formula. */
export function guardCell(text: string): string {
  return GUARDED.test(text) ? `'${text}` : text;
}

/** Takes away the apostrophe that `guardCell` puts there, exactly. */
export function unguardCell(cell: string): string {
  return cell.startsWith("'") && GUARDED.test(cell.slice(1)) ? cell.slice(1) : cell;
}

/**
 * The values of a cell, separated by ; or , (or by :::, as Google Contacts does), trimmed. What would
 * separate them within one is escaped by a backslash.
 */
export function splitList(cell: string): string[] {
  const values = [""];
  for (const [part] of cell.matchAll(/\\[;,\\]|\\:::|:::|[^\\;,:]+|[\s\S]/g)) {
    if (part === ";" || part === "," || part === ":::") values.push("");
    else values[values.length - 1] += /^\\./.test(part) ? part.slice(1) : part;
  }
  return values.map((value) => value.trim()).filter((value) => value !== "");
}

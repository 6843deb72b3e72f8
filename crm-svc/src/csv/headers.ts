import { invalid } from "@crm/platform/errors";
import type { ContactField } from "../contact-fields/schema.ts";
import { contactColumn, type GivenMapping, type Target, unreadable } from "./schema.ts";
import { SYNONYMS } from "./synonyms.ts";

/** What the columns of a file are. */
export interface Mapping {
  readonly headers: readonly string[];
  /** By field, its columns (from 0): the first that is not blank in a row counts. */
  readonly columns: ReadonlyMap<Target, readonly number[]>;
  /** Headers of the columns that are nothing we know, or are to be left out. */
  readonly ignored: readonly string[];
}

/**
 * Finds out what the columns are, by their headers: what `given` says, else the names of our own fields
 * and of the tenant's (`custom.x`, its name or its label), else what such columns are called elsewhere.
 *
 * Throws `unreadable` if two headers are the same or no column is anything we know, and `invalid` if
 * `given` names a column or a field that there is not.
 */
export function mapHeaders(
  cells: readonly string[],
  customFields: readonly ContactField[],
  given: GivenMapping = {},
): Mapping {
  const headers = cells.map((cell) => cell.trim());
  refuseTwins(headers);
  refuseUnknown(headers, customFields, given);
  const meanings = meaningsOf(customFields);
  const keys = headers.map(keyOf);
  const guessed = keys.map((key) => meanings.get(key));
  const targets = guessed.flatMap((guess) => guess?.target ?? []);
  const found = headers.flatMap((header, column) => {
    const said = Object.hasOwn(given, header) ? given[header] : undefined;
    if (said === null) return [];
    const guess = inCompany(guessed[column], keys[column] ?? "", keys, targets);
    const target = said ?? guess?.target;
    // Checked by `refuseUnknown`.
    return target === undefined
      ? []
      : [{ target: target as Target, rank: said === undefined ? (guess?.rank ?? 0) : -1, column }];
  });
  if (found.length === 0) {
    const message = `None of the columns is a field of a contact: ${listed(headers)}. Name the columns as our fields (firstName, lastName, email, …) on line 1, or say which column is which (mapping).`;
    throw unreadable("no_known_columns", message, 1);
  }
  const columns = new Map<Target, number[]>();
  for (const { target, column } of found.toSorted(
    (a, b) => a.rank - b.rank || a.column - b.column,
  )) {
    columns.set(target, [...(columns.get(target) ?? []), column]);
  }
  const known = new Set(found.map(({ column }) => column));
  const ignored = headers.filter((_, column) => !known.has(column));
  return { headers, columns, ignored };
}

interface Guess {
  readonly target: Target;
  /** Smaller is surer. */
  readonly rank: number;
}

/** Letters and digits alone, without accents and case. */
function keyOf(header: string): string {
  const plain = header.normalize("NFKD").toLowerCase().replaceAll("ß", "ss");
  return plain.replace(/[^\p{L}\p{N}]/gu, "");
}

function meaningsOf(customFields: readonly ContactField[]): Map<string, Guess> {
  const meanings = new Map<string, Guess>();
  const add = (name: string, target: Target, rank: number): void => {
    const key = keyOf(name);
    if (key !== "" && !meanings.has(key)) meanings.set(key, { target, rank });
  };
  for (const target of contactColumn.options) add(target, target, 0);
  for (const { name } of customFields) add(`custom.${name}`, `custom.${name}`, 0);
  for (const { name, label } of customFields) {
    add(name, `custom.${name}`, 1);
    add(label ?? "", `custom.${name}`, 2);
  }
  // In the order of the fields: none of the synonyms is there twice but by mistake.
  for (const target of contactColumn.options) {
    for (const [at, synonym] of SYNONYMS[target].entries()) add(synonym, target, at + 3);
  }
  return meanings;
}

/**
 * What a header means beside the others. `Name` and `Nom` are a whole name, but a family name beside
 * given names; `Nombre` is a given name beside family names; and `Title` beside `Job Title` is how
 * somebody is addressed, as in Outlook.
 */
function inCompany(
  guess: Guess | undefined,
  key: string,
  keys: readonly string[],
  targets: readonly Target[],
) {
  const [first, last] = [targets.includes("firstName"), targets.includes("lastName")];
  if (key === "title" && keys.includes("jobtitle")) return undefined;
  if ((key === "name" || key === "nom") && first && !last) return { ...guess, target: "lastName" };
  if (key === "nombre" && last && !first) return { ...guess, target: "firstName" };
  return guess;
}

function refuseTwins(headers: readonly string[]): void {
  const twin = headers.find((header, at) => header !== "" && headers.indexOf(header) !== at);
  if (twin === undefined) return;
  const columns = headers.flatMap((header, at) => (header === twin ? [at + 1] : []));
  const message = `Columns ${columns.join(" and ")} have the same header, ${JSON.stringify(twin)}: give each its own, or remove one.`;
  throw unreadable("duplicate_headers", message, 1);
}

function refuseUnknown(
  headers: readonly string[],
  customFields: readonly ContactField[],
  given: GivenMapping,
): void {
  const targets: readonly string[] = [
    ...contactColumn.options,
    ...customFields.map(({ name }) => `custom.${name}`),
  ];
  const unknown = {
    code: "unknown_header",
    message: `is not a header of this file, which has ${listed(headers)}`,
  };
  const wrong = {
    code: "invalid_value",
    message: `must be null or one of ${targets.join(", ")}`,
  };
  const faults = Object.entries(given).flatMap(([header, target]) => {
    const path = `mapping.${header}`;
    if (!headers.includes(header)) return [{ path, ...unknown }];
    return target === null || targets.includes(target) ? [] : [{ path, ...wrong }];
  });
  if (faults.length > 0) throw invalid(faults);
}

/** The first few, of headers that may be many and long. */
function listed(headers: readonly string[]): string {
  const some = headers
    .slice(0, 20)
    .map((header) => JSON.stringify(header.slice(0, 50).toWellFormed()));
  return headers.length > some.length ? `${some.join(", ")}, …` : some.join(", ");
}

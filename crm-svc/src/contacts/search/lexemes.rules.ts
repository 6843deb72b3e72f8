import type { How } from "./schema.ts";
import type { Term } from "./spelling.rules.ts";
import { isSpaceless } from "./typed.rules.ts";

/** Where words are: in names; there, in company or e-mail; anywhere. See crm.contact_words. */
export type Place = "n" | "c" | "o";
export const IN_NAME = "n";
export const IN_COMPANY = "c";
export const ANYWHERE = "o";

export function quoted(lexeme: string): string {
  return `'${lexeme.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

// Queries are in PostgreSQL's language. An empty one stands for what nothing answers to.

export function anyOf(queries: readonly string[]): string {
  return together(
    queries.filter((query) => query !== ""),
    "|",
  );
}

export function allOf(queries: readonly string[]): string {
  return queries.includes("") ? "" : together(queries, "&");
}

function together(queries: readonly string[], operator: "|" | "&"): string {
  const [first = "", ...others] = new Set(queries);
  return others.length === 0 ? first : `(${[first, ...others].join(operator)})`;
}

function exact(word: string, where: Place): string {
  return quoted(where + word);
}

/** The word itself; empty if it is known that no contact has it. */
export function whole({ word, begun: known }: Term, where: Place): string {
  return known === null || known.includes(word) ? exact(word, where) : "";
}

/** What begins with it; empty if it is known that nothing does. */
export function begun({ word, begun: known }: Term, where: Place): string {
  return known?.length === 0 ? "" : `${quoted(where + word)}:*`;
}

/** What begins with so many letters is kept, too; see crm.tenant_words. */
const KEPT_BEGINNING = 3;

/**
 * The same to be looked up. PostgreSQL reads all entries of all words that begin so before it looks at other
 * conditions, so it is told which words these are, if they are few.
 */
export function begunListed(term: Term, where: Place): string {
  const { word, begun: known } = term;
  return known === null || [...word].length <= KEPT_BEGINNING
    ? begun(term, where)
    : anyOf(known.map((each) => exact(each, where)));
}

/** The pieces of two characters that a run without spaces is kept as; one alone begins some of them. */
function pieces(word: string, where: Place | ""): string {
  const characters = [...word];
  if (characters.length === 1) return `${quoted(`${where}x${word}`)}:*`;
  return allOf(
    characters.slice(1).map((second, at) => quoted(`${where}x${characters[at]}${second}`)),
  );
}

export function inMiddle({ word, within }: Term, where: Place): string {
  return isSpaceless(word)
    ? pieces(word, where)
    : anyOf(within.map((other) => exact(other, where)));
}

export function misspelled(words: readonly string[], where: Place): string {
  return anyOf(words.map((other) => exact(other, where)));
}

export function split({ splits }: Term, where: Place): string {
  return anyOf(splits.map((pair) => allOf(pair.map((word) => exact(word, where)))));
}

/** Queries by which single fields are told how they fit, the best first; without marks. */
export function fits(terms: readonly Term[]): Readonly<Record<How, string>> {
  const bare = (words: readonly string[]) => words.map(quoted);
  return {
    exact: anyOf(bare(terms.map(({ word }) => word))),
    prefix: anyOf(terms.map(({ word }) => `${quoted(word)}:*`)),
    infix: anyOf(
      terms.flatMap(({ word, within }) => (isSpaceless(word) ? [pieces(word, "")] : bare(within))),
    ),
    fuzzy: anyOf(
      terms.flatMap(({ oneOff, twoOff, splits }) => bare([...oneOff, ...twoOff, ...splits.flat()])),
    ),
  };
}

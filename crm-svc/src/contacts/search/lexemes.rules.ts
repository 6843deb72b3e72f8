import type { How } from "./schema.ts";
import type { Term } from "./spelling.rules.ts";
import { isSpaceless } from "./typed.rules.ts";

/** Where words are: in names; also in company or e-mail; anywhere. See crm.contact_words. */
export const IN_NAME = "n";
export const IN_COMPANY = "nc";
export const ANYWHERE = "nco";

export function quoted(lexeme: string): string {
  return `'${lexeme.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

export function anyOf(queries: readonly string[]): string {
  return queries.length === 0 ? "" : `(${[...new Set(queries)].join("|")})`;
}

export function allOf(queries: readonly string[]): string {
  return queries.includes("") ? "" : `(${queries.join("&")})`;
}

export function exact(word: string, where: string): string {
  return anyOf([...where].map((mark) => quoted(mark + word)));
}

/** What a word begins with is kept, too; see crm.contact_words. */
const INITIALS: Readonly<Record<string, string>> = { n: "i", c: "j", o: "j" };

/**
 * PostgreSQL reads all entries of all words that begin so before it looks at other conditions. So it is
 * told which words these are, if they are few; and of a single letter there is an entry of its own.
 */
export function begun({ word, begun: words }: Term, where: string): string {
  if ([...word].length === 1) {
    return anyOf([...where].map((mark) => quoted(`${INITIALS[mark]}${word}`)));
  }
  return words === null
    ? anyOf([...where].map((mark) => `${quoted(mark + word)}:*`))
    : anyOf([word, ...words].map((each) => exact(each, where)));
}

/** The pieces of two characters that a run without spaces is kept as; one alone begins some of them. */
function pieces(word: string, mark: string): string {
  const characters = [...word];
  if (characters.length === 1) return `${quoted(`${mark}x${word}`)}:*`;
  return allOf(
    characters.slice(1).map((second, at) => quoted(`${mark}x${characters[at]}${second}`)),
  );
}

export function inMiddle({ word, within }: Term, where: string): string {
  if (isSpaceless(word)) return anyOf([...where].map((mark) => pieces(word, mark)));
  return anyOf(within.map((other) => exact(other, where)));
}

export function misspelled(words: readonly string[], where: string): string {
  return anyOf(words.map((other) => exact(other, where)));
}

export function split({ splits }: Term, where: string): string {
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

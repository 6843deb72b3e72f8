import { english } from "./nicknames/english.ts";
import { french } from "./nicknames/french.ts";
import { german } from "./nicknames/german.ts";
import { italian } from "./nicknames/italian.ts";
import { russian } from "./nicknames/russian.ts";
import { spanish } from "./nicknames/spanish.ts";
import { lettersOf } from "./spelling.ts";

/**
 * A line of these lists holds what one person may be called, the full name first. Compiled by hand of
 * what is in common use among speakers of a language, and only forms of one name of one language: Johann
 * and Giovanni are two people. A name without short forms is there because it is known to be a name.
 */
const lines = [english, french, german, italian, russian, spanish].flatMap((language) =>
  language.trim().split("\n"),
);

/** Given name, in the letters that names are compared by → the lines that it is in. */
const linesOf = new Map<string, string[][]>();
for (const line of lines) {
  const names = [...new Set(line.split(" ").map(lettersOf))];
  for (const name of names) linesOf.set(name, [...(linesOf.get(name) ?? []), names]);
}

/** Whether it is a given name that the lists have, in the letters that names are compared by. */
export function isGivenName(letters: string): boolean {
  return linesOf.has(letters);
}

/** Whether one person may be called both, each in the letters that names are compared by. */
export function areNicknames(one: string, other: string): boolean {
  return linesOf.get(one)?.some((names) => names.includes(other)) ?? false;
}

/** Whatever else somebody of this given name may be called. */
export function nicknamesOf(letters: string): string[] {
  const names = new Set(linesOf.get(letters)?.flat());
  names.delete(letters);
  return [...names];
}

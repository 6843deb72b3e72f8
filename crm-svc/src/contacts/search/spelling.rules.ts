/** The words that may be meant by one that was typed; those that are near may be too far. */
export interface Spellings {
  readonly near: readonly string[];
  readonly within: readonly string[];
  readonly parts: readonly string[];
}

/** A word as it is kept, and what may be meant by it. */
export interface Term {
  readonly word: string;
  /** All the tenant's words that begin with it, itself among them; null if that is not known. */
  readonly begun: readonly string[] | null;
  /** With one error more or less, and with two. */
  readonly oneOff: readonly string[];
  readonly twoOff: readonly string[];
  /** Words that it is a piece of. */
  readonly within: readonly string[];
  /** Two words that it may be, should the space between them be missing or mistyped. */
  readonly splits: readonly (readonly [string, string])[];
}

/**
 * From so many letters on a word may have one error, and two: in shorter ones all would be similar. Of
 * three letters, two may be swapped.
 */
const SWAP = 3;
const ONE_ERROR = 4;
const TWO_ERRORS = 7;
const MAX_SIMILAR = 15;

/** A word of which it is not known yet what else may be meant by it. */
export function termOf(word: string, begun: readonly string[] | null): Term {
  return { word, begun, oneOff: [], twoOff: [], within: [], splits: [] };
}

/** Sorts out which of the words that are near may be meant. */
export function respell(term: Term, spellings: Spellings | undefined): Term {
  if (spellings === undefined) return term;
  const { word } = term;
  const { near, within, parts } = spellings;
  const similar = near
    .filter(
      (other) => other.length >= ONE_ERROR || (other.length === SWAP && isAnagram(word, other)),
    )
    .map((other) => ({ other, errors: distance(word, other) }))
    .filter(({ other, errors }) => errors > 0 && errors <= (other.length < TWO_ERRORS ? 1 : 2))
    .toSorted((a, b) => sameStart(word, b.other) - sameStart(word, a.other));
  const off = (wanted: number) =>
    similar
      .filter(({ errors }) => errors === wanted)
      .slice(0, MAX_SIMILAR)
      .map(({ other }) => other);
  const splits = splitsOf(word, new Set(parts));
  return { ...term, oneOff: off(1), twoOff: off(2), within, splits };
}

function isAnagram(one: string, other: string): boolean {
  return [...one].toSorted().join("") === [...other].toSorted().join("");
}

function sameStart(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

function splitsOf(word: string, known: ReadonlySet<string>): [string, string][] {
  const splits: [string, string][] = [];
  for (let at = 2; at <= word.length - 2; at++) {
    const first = word.slice(0, at);
    if (!known.has(first)) continue;
    for (const second of [word.slice(at), word.slice(at + 1)]) {
      if (known.has(second)) splits.push([first, second]);
    }
  }
  return splits;
}

/**
 * How many typing errors make one word of the other: letters inserted, left out, replaced, or two
 * neighbours swapped (optimal string alignment, the restricted Damerau-Levenshtein distance).
 */
export function distance(one: string, other: string): number {
  const a = [...one];
  const b = [...other];
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    before = above;
    above = row;
  }
  return above[b.length] ?? 0;
}

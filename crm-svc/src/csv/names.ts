/** Belong to the family name that follows them. */
const PARTICLES = new Set([
  ...[
    "von",
    "van",
    "vom",
    "zu",
    "zur",
    "zum",
    "de",
    "der",
    "den",
    "del",
    "della",
    "di",
    "da",
    "dos",
  ],
  ...[
    "das",
    "do",
    "du",
    "des",
    "le",
    "la",
    "el",
    "al",
    "bin",
    "ibn",
    "ben",
    "ter",
    "ten",
    "te",
    "af",
  ],
  ...["av", "y", "e", "und", "'t", "’t", "st.", "saint"],
]);
/** Belong to the family name that they follow. */
const SUFFIX = /^(jr|sr|jun|sen|ii|iii|iv|ph\.?d|md|m\.d|mba|esq)\.?$/i;
/** Written with the family name first, where there is a space at all. */
const FAMILY_FIRST =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー\s]+$/u;

/**
 * A whole name's parts. `Last, First` says it itself; else the last word is the family name, with the
 * particles before it and suffixes behind it; Chinese, Japanese and Korean names begin with it. One
 * word alone is the first name. It is a guess: nobody can know of `María García Márquez`.
 */
export function splitName(whole: string): { firstName?: string; lastName?: string } {
  const name = whole.trim().replace(/\s+/g, " ");
  const comma = /^([^,]+), ?([^,]+)$/.exec(name);
  if (comma?.[1] !== undefined && comma[2] !== undefined && !SUFFIX.test(comma[2])) {
    return { firstName: comma[2].trim(), lastName: comma[1].trim() };
  }
  const words = name.split(" ");
  const [only, ...others] = words;
  if (only === undefined || only === "") return {};
  if (others.length === 0) return { firstName: only };
  if (FAMILY_FIRST.test(name)) return { lastName: only, firstName: others.join(" ") };
  let from = words.length - 1;
  while (from > 1 && SUFFIX.test(words[from] ?? "")) from--;
  while (from > 1 && PARTICLES.has((words[from - 1] ?? "").toLowerCase())) from--;
  return { firstName: words.slice(0, from).join(" "), lastName: words.slice(from).join(" ") };
}

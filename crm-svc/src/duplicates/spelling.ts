/** Letters that Unicode does not take apart, and scripts that names are transcribed from. */
const LETTERS: Readonly<Record<string, string>> = {
  ...{ ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ı: "i", ħ: "h" },
  ...{ а: "a", б: "b", в: "v", г: "g", ґ: "g", д: "d", е: "e", є: "ye", ж: "zh", з: "z", и: "i" },
  ...{ і: "i", к: "k", л: "l", м: "m", н: "n", о: "o", п: "p", р: "r", с: "s", т: "t", у: "u" },
  ...{ ф: "f", х: "kh", ц: "ts", ч: "ch", ш: "sh", щ: "shch", ъ: "", ы: "y", ь: "", э: "e" },
  ...{ ю: "yu", я: "ya", α: "a", β: "v", γ: "g", δ: "d", ε: "e", ζ: "z", η: "i", θ: "th" },
  ...{ ι: "i", κ: "k", λ: "l", μ: "m", ν: "n", ξ: "x", ο: "o", π: "p", ρ: "r", σ: "s", ς: "s" },
  ...{ τ: "t", υ: "y", φ: "f", χ: "ch", ψ: "ps", ω: "o" },
};
/** What of them is not taken apart as й (и and a breve) is. */
const SPECIAL = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "g");
const ASCII = /^[\0-\x7f]*$/;

/**
 * A text as it is compared: in lower case and Latin letters as far as there are any, without accents,
 * and with an umlaut the same whether it is written ü, ue or u. Keeps what is no letter.
 */
export function fold(text: string): string {
  const lower = text.toLowerCase();
  const latin = ASCII.test(lower)
    ? lower
    : lower
        .normalize("NFKD")
        .replace(/\p{M}/gu, "")
        .replace(SPECIAL, (letter) => LETTERS[letter] ?? letter);
  return latin.replace(/([aou])e/g, "$1");
}

/** The folded words of a text: letters and digits; an apostrophe does not end a word. */
export function wordsOf(text: string | null): string[] {
  if (text === null) return [];
  return (
    fold(text)
      .replace(/['’`]/g, "")
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

/** The folded letters and digits of a text. */
export function lettersOf(text: string): string {
  return wordsOf(text).join("");
}

/**
 * How many letters are wrong, missing, too many or swapped with their neighbour (optimal string
 * alignment, the restricted Damerau-Levenshtein distance); `most + 1` as soon as it is more than `most`.
 */
export function typos(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return most + 1;
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      let cost = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return Math.min(last[other.length] ?? 0, most + 1);
}

/** Whether one is likely the other with a typing error: one from 4 letters on, two from 8 on. */
export function isTypoOf(one: string, other: string): boolean {
  const length = Math.max(one.length, other.length);
  const most = length < 4 ? 0 : length < 8 ? 1 : 2;
  return most > 0 && typos(one, other, most) <= most;
}

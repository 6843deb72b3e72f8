import type { ContactHit, How } from "./schema.ts";

/** Further words narrow nothing down any more, but each costs a look-up. */
const MAX_WORDS = 16;
/** No word in a contact is longer. */
const MAX_WORD = 100;
/** Fewer digits are no end of a phone number, but a word. */
const LEAST_DIGITS = 4;

/** What somebody typed, taken apart. */
export interface Typed {
  /** Runs of letters, of digits, or of a script without spaces; each once, in their order. */
  readonly words: readonly string[];
  /** If all of it is an e-mail address, or begins like one: in lower case. */
  readonly email: string | null;
  /** If all of it may be a phone number, or the end of one. */
  readonly phone: string | null;
}

/** The same characters as crm.spaceless. */
const SPACELESS =
  "\\u2E80-\\u2FDF\\u3005-\\u3007\\u3041-\\u30FA\\u30FC-\\u30FF\\u3400-\\u9FFF\\uAC00-\\uD7A3\\uF900-\\uFAFF\\u{20000}-\\u{323AF}";
const WORD = new RegExp(
  `[${SPACELESS}]+|[0-9]+|(?:(?![${SPACELESS}0-9])[\\p{L}\\p{M}\\p{N}])+`,
  "gu",
);
const APOSTROPHE = /(?<=\p{L})['\u2019\u02BC`\u00B4](?=\p{L})/gu;
const EMAIL = /^[^\s@]+@[^\s@]*$/;
const PHONE = /^\+?[\d\s()./-]+$/;

/**
 * Takes apart what somebody typed, as crm.words_apart does with what is kept. Whatever is neither letter
 * nor digit separates words, so that no operator of PostgreSQL's query language is left.
 */
export function takeApart(typed: string): Typed {
  const text = typed.trim();
  const words = text.replaceAll(APOSTROPHE, "").normalize("NFKC").match(WORD) ?? [];
  const cut = words.map((word) => word.slice(0, MAX_WORD).toWellFormed());
  const digits = text.replaceAll(/\D/g, "").length;
  return {
    words: [...new Set(cut)].slice(0, MAX_WORDS),
    email: EMAIL.test(text) && text.length <= 254 ? text.toLowerCase() : null,
    phone: PHONE.test(text) && digits >= LEAST_DIGITS && digits <= 20 ? text : null,
  };
}

/** Digits of a phone from its end, so that a number that ends in them begins so. */
export function digitsFromEnd(phone: string): string {
  return [...phone.replaceAll(/\D/g, "")].reverse().join("");
}

/**
 * What a number may end in, as it was typed: all its digits, what follows a trunk prefix or an
 * international one, and, if it is a number at all, that.
 */
export function phoneEnds(typed: string, number: string | null): string[] {
  const digits = typed.replaceAll(/\D/g, "");
  const ends = [...(number === null ? [] : [number.slice(1)]), digits, digits.replace(/^0+/, "")];
  return [...new Set(ends)].filter((end) => end.length >= LEAST_DIGITS);
}

/** Adds how an e-mail address or a phone number fits that was searched for as a whole. */
export function directFits(
  { email, phone }: { readonly email: string | null; readonly phone: string | null },
  typed: Typed,
  phones: readonly string[],
  matched: ContactHit["matched"],
): ContactHit["matched"] {
  const direct = new Map<string, How>();
  if (typed.email !== null && email?.startsWith(typed.email)) {
    direct.set("email", email === typed.email ? "exact" : "prefix");
  }
  const digits = phone?.replaceAll(/\D/g, "") ?? "";
  if (phones.includes(digits)) direct.set("phone", "exact");
  else if (phones.some((end) => digits.endsWith(end))) direct.set("phone", "infix");
  const others = matched.filter(({ field }) => !direct.has(field));
  return [...Array.from(direct, ([field, how]) => ({ field, how })), ...others];
}

/** Whether a word is of a script that runs without spaces. */
export function isSpaceless(word: string): boolean {
  return new RegExp(`^[${SPACELESS}]`, "u").test(word);
}

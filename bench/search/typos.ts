import { type Person, pick } from "../people.ts";

/** What a hit of the search must have of a contact. */
interface Hit {
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly company: string | null;
  readonly email: string | null;
}

export interface Mistyped {
  readonly q: string;
  /** Whether a hit is what was meant: the name, company or e-mail address that was mistyped. */
  readonly means: (hit: Hit) => boolean;
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";
/** In shorter words two errors leave nothing to recognise. */
const LONG = 7;

/**
 * A contact's name, company or e-mail address, at random, with a typing error at random: a letter left
 * out, inserted, replaced, or swapped with its neighbour. Two of them are in one word of seven letters
 * or more. Null if the contact has no such thing to mistype.
 */
export function mistype(person: Person, errors: 1 | 2, random: () => number): Mistyped | null {
  const { first_name, last_name, company, email } = person;
  const targets: { text: string; means: (hit: Hit) => boolean }[] = [];
  if (first_name !== null && last_name !== null) {
    targets.push({
      text: `${first_name} ${last_name}`,
      means: (hit) => hit.firstName === first_name && hit.lastName === last_name,
    });
  }
  if (company !== null) targets.push({ text: company, means: (hit) => hit.company === company });
  if (email !== null) targets.push({ text: email, means: (hit) => hit.email === email });
  if (targets.length === 0) return null;
  const { text, means } = pick(targets, random);

  const least = errors === 1 ? 4 : LONG;
  const words = [...text.matchAll(/\p{L}[\p{L}\p{M}]*/gu)].filter(
    ([word]) =>
      [...word].length >= least &&
      /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}]+$/u.test(word),
  );
  if (words.length === 0) return null;
  const { 0: word, index } = pick(words, random);
  let wrong = word;
  do {
    wrong = word;
    for (let at = 0; at < errors; at++) wrong = withError(wrong, random);
  } while (wrong.toLowerCase() === word.toLowerCase());
  return { q: text.slice(0, index) + wrong + text.slice(index + word.length), means };
}

function withError(word: string, random: () => number): string {
  const letters = [...word];
  const at = Math.floor(random() * letters.length);
  const letter = pick([...ALPHABET], random);
  switch (Math.floor(random() * 4)) {
    case 0:
      letters.splice(at, 1);
      break;
    case 1:
      letters.splice(at, 0, letter);
      break;
    case 2:
      letters.splice(at, 1, letter);
      break;
    default:
      letters.splice(
        Math.min(at, letters.length - 2),
        2,
        ...letters
          .slice(Math.min(at, letters.length - 2))
          .slice(0, 2)
          .reverse(),
      );
  }
  return letters.join("");
}

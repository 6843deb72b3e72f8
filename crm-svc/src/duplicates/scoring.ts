import type { Comparable } from "./comparable.ts";
import { areNicknames, isGivenName } from "./nicknames.ts";
import type { Reason } from "./schema.ts";
import { isTypoOf, lettersOf, typos } from "./spelling.ts";

/** How many contacts of the tenant share what two have in common; what many share says little. */
export interface Sharing {
  readonly email: number;
  readonly phone: number;
  /** Spelled alike, first and last name. */
  readonly name: number;
}

/** How likely two contacts are one person, and why. */
export interface Likeness {
  /** From 0 to 1. */
  readonly score: number;
  readonly reasons: readonly Reason[];
  /** Strong enough to stop somebody who is about to add one of them. */
  readonly likely: boolean;
}

type Level<Weights> = keyof Weights;

/**
 * Logarithms of how much oftener a level is seen between two records of one person than between two
 * people who share a key (Fellegi and Sunter, "A Theory for Record Linkage", 1969), in natural units.
 * From experience with such data at first, then set on the development set of `bench/duplicates.ts`.
 */
const GIVEN = {
  same: 2.6,
  part: 2.2,
  nickname: 2,
  typo: 1.9,
  initial: 1.2,
  missing: 0,
  different: -6,
} as const;
const FAMILY = { same: 3, typo: 2.4, part: 1.8, missing: 0, different: -3 } as const;
const EMAIL = {
  same: 8.5,
  spelled: 7.5,
  typo: 5,
  mailbox: 3.2,
  missing: 0,
  different: -0.6,
  /** Companies give everybody an address of their own. */
  differentAtOne: -1.3,
  /** j.doe@ was taken, and so another one got j.doe2@. */
  numbered: -4,
} as const;
const PHONE = { same: 5, typo: 3, missing: 0, different: -0.5 } as const;
const COMPANY = { same: 2.8, similar: 2, missing: 0, different: -0.9 } as const;
/** Who works together, or is rung up together, is often found at one address. */
const ADDRESS = { same: 3.2, expected: 0.5 } as const;
/** A family name says little where one given name is missing: it may be anybody of that family. */
const FAMILY_ALONE = 0.3;
const OTHER_GENERATION = -8;
/** Of pairs that share a key, so many are one person. */
const PRIOR = -5.6;
/** How far it counts that a name is common. */
const COMMONNESS = 0.8;

/** A pair at least this likely is kept for review. */
export const REVIEW_SCORE = 0.6;

/** Compares two contacts. */
export function likeness(one: Comparable, other: Comparable, sharing: Sharing): Likeness {
  const name = compareNames(one, other);
  const email = compareEmails(one, other, name.agree);
  const phone = comparePhones(one.phone, other.phone);
  const company = compareCompanies(one.company, other.company);
  const address = one.address !== null && one.address === other.address;
  const otherGeneration =
    one.generation !== other.generation &&
    (one.generation !== null && other.generation !== null ? true : address || phone === "same");

  const sameEmail = email === "same" || email === "spelled";
  const logOdds =
    PRIOR +
    GIVEN[name.given] +
    FAMILY[name.family] *
      (name.given === "missing" && name.family !== "different" ? FAMILY_ALONE : 1) +
    EMAIL[email] +
    PHONE[phone] +
    COMPANY[company] +
    (address ? ADDRESS[company === "same" || phone === "same" ? "expected" : "same"] : 0) +
    (otherGeneration ? OTHER_GENERATION : 0) -
    (name.agree ? COMMONNESS * commonness(sharing.name) : 0) -
    (sameEmail ? commonness(sharing.email) : 0) -
    (phone === "same" ? commonness(sharing.phone) : 0);

  const companyAgrees = company === "same" || company === "similar";
  const similar = name.agree && !otherGeneration;
  const reasons: Reason[] = [];
  if (email === "same") reasons.push("email");
  else if (EMAIL[email] > 0) reasons.push("similarEmail");
  if (phone === "same") reasons.push("phone");
  else if (phone === "typo") reasons.push("similarPhone");
  if (similar) {
    const equal = name.given === "same" && name.family === "same";
    reasons.push(equal ? "name" : "similarName");
    if (companyAgrees) reasons.push("nameAndCompany");
  }
  if (address) reasons.push("address");
  return {
    score: Math.round(1_000 / (1 + Math.exp(-logOdds))) / 1_000,
    reasons,
    likely: email === "same" || (similar && (sameEmail || phone === "same" || companyAgrees)),
  };
}

/** Two contacts that are one person are two of those who share something. */
function commonness(sharing: number): number {
  return Math.log(Math.max(1, sharing - 1));
}

interface NameLevels {
  readonly given: Level<typeof GIVEN>;
  readonly family: Level<typeof FAMILY>;
  /** Both are there, and neither is another name. */
  readonly agree: boolean;
}

function compareNames(one: Comparable, other: Comparable): NameLevels {
  const straight = levels(one.given, one.family, other.given, other.family);
  if (straight.agree) return straight;
  const swapped = levels(one.given, one.family, other.family, other.given);
  return swapped.agree ? swapped : straight;
}

function levels(
  given: readonly string[],
  family: readonly string[],
  otherGiven: readonly string[],
  otherFamily: readonly string[],
): NameLevels {
  const givenLevel = compareGiven(given, otherGiven);
  const familyLevel = compareFamily(family, otherFamily);
  const named = (level: string): boolean => level !== "different" && level !== "missing";
  return {
    given: givenLevel,
    family: familyLevel,
    agree: named(givenLevel) && named(familyLevel),
  };
}

function compareGiven(one: readonly string[], other: readonly string[]): Level<typeof GIVEN> {
  const [first = ""] = one;
  const [otherFirst = ""] = other;
  if (first === "" || otherFirst === "") return "missing";
  const whole = one.join("");
  const otherWhole = other.join("");
  if (whole === otherWhole) return "same";
  if (areNicknames(whole, otherWhole) || areNicknames(first, otherFirst)) return "nickname";
  if (first.length === 1 || otherFirst.length === 1) {
    return first[0] === otherFirst[0] ? "initial" : "different";
  }
  if (first === otherFirst || one.includes(otherFirst) || other.includes(first)) return "part";
  return isGivenTypo(whole, otherWhole) || isGivenTypo(first, otherFirst) ? "typo" : "different";
}

/** Martin and Martina, Jan and Jana, Anna and Hanna are two letters' work, and other people. */
function isGivenTypo(one: string, other: string): boolean {
  if (isGivenName(one) && isGivenName(other)) return false;
  const [shorter, longer] = one.length < other.length ? [one, other] : [other, one];
  const otherSex = longer.length > shorter.length && /^[aeo]$/.test(longer.replace(shorter, ""));
  const otherEnd =
    one.slice(0, -1) === other.slice(0, -1) && /[aeo]$/.test(one) && /[aeo]$/.test(other);
  return !otherSex && !otherEnd && isTypoOf(one, other);
}

/** Van der Laan and van den Berg have nothing in common. */
const PARTICLES = new Set(
  "van von der den del dela della des dos das ter ten zur zum bin ibn abu los las mac".split(" "),
);

function compareFamily(one: readonly string[], other: readonly string[]): Level<typeof FAMILY> {
  if (one.length === 0 || other.length === 0) return "missing";
  const whole = one.join("");
  const otherWhole = other.join("");
  if (whole === otherWhole) return "same";
  if (isTypoOf(whole, otherWhole)) return "typo";
  const shared = one.some(
    (word) => word.length > 2 && !PARTICLES.has(word) && other.includes(word),
  );
  return shared ? "part" : "different";
}

/** @param named whether the names agree: else j.doe@ and a.doe@ are two people and no typing error. */
function compareEmails(one: Comparable, other: Comparable, named: boolean): Level<typeof EMAIL> {
  const { email } = one;
  const { email: otherEmail } = other;
  if (email === null || otherEmail === null) return "missing";
  if (email.address === otherEmail.address)
    return email.exact === otherEmail.exact ? "same" : "spelled";
  const sameDomain = email.domain === otherEmail.domain;
  if (sameDomain) {
    const [box, otherBox] = [email.mailbox, otherEmail.mailbox];
    const sameLetters = box.replace(/\d/g, "") === otherBox.replace(/\d/g, "");
    if (sameLetters) return "numbered";
    const sameDigits = box.replace(/\D/g, "") === otherBox.replace(/\D/g, "");
    const typo = named && sameDigits && box.length >= 6 && typos(box, otherBox, 1) === 1;
    return typo ? "typo" : "differentAtOne";
  }
  if (email.mailbox !== otherEmail.mailbox) return "different";
  if (typos(email.domain, otherEmail.domain, 2) <= 2) return "typo";
  return saysMoreThanName(email.mailbox, one) && saysMoreThanName(email.mailbox, other)
    ? "mailbox"
    : "different";
}

/** jane.doe@ is at many a company, since all name their mailboxes so; doe4711@ or blackbird@ is not. */
function saysMoreThanName(mailbox: string, { given, family }: Comparable): boolean {
  let left = lettersOf(mailbox);
  for (const word of [...family, ...given]) {
    left = left.includes(word) ? left.replace(word, "") : left.replace(word[0] ?? "", "");
  }
  return mailbox.length >= 5 && left.length >= 3;
}

function comparePhones(one: string | null, other: string | null): Level<typeof PHONE> {
  if (one === null || other === null) return "missing";
  if (one === other) return "same";
  return one.length === other.length && typos(one, other, 1) === 1 ? "typo" : "different";
}

function compareCompanies(one: readonly string[], other: readonly string[]): Level<typeof COMPANY> {
  const [first = ""] = one;
  const [otherFirst = ""] = other;
  if (first === "" || otherFirst === "") return "missing";
  const whole = one.join("");
  const otherWhole = other.join("");
  if (whole === otherWhole) return "same";
  if (isTypoOf(whole, otherWhole)) return "similar";
  const [fewer, more] = one.length <= other.length ? [one, other] : [other, one];
  if (fewer.every((word) => more.includes(word))) return "similar";
  const initials = (words: readonly string[]): string => words.map((word) => word[0]).join("");
  const acronym =
    (one.length > 2 && initials(one) === otherWhole) ||
    (other.length > 2 && initials(other) === whole);
  return acronym ? "similar" : "different";
}

import { lettersOf, wordsOf } from "./spelling.ts";

/** What of a contact tells who it is. */
export interface Identity {
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly email: string | null;
  /** E.164. */
  readonly phone: string | null;
  readonly company: string | null;
  readonly street: string | null;
  readonly postalCode: string | null;
}

/** An identity, brought into the form in which two are compared; each is compared many times. */
export interface Comparable {
  /** Folded words of the given names. */
  readonly given: readonly string[];
  readonly family: readonly string[];
  /** Which of several of one name: `jr`, `sr`, `ii`, … */
  readonly generation: string | null;
  readonly email: {
    readonly exact: string;
    /** Without what changes nothing about where it goes. */
    readonly address: string;
    /** Its letters and digits. */
    readonly mailbox: string;
    readonly domain: string;
  } | null;
  readonly phone: string | null;
  /** Folded words, without the legal form. */
  readonly company: readonly string[];
  /** Folded street and postal code; null if there is not both. */
  readonly address: string | null;
}

const TITLES = new Set(
  "mr mrs ms miss mx dr prof sir dame herr frau hr fr dipl ing med phd md mba msc bsc m mme mlle sr sra srta don dona sig dott ir mag".split(
    " ",
  ),
);
const GENERATIONS = new Map([
  ...["jr", "junior", "jnr", "jun", "fils", "hijo"].map((word) => [word, "jr"] as const),
  ...["senior", "snr", "sen", "pere", "padre"].map((word) => [word, "sr"] as const),
  ...["ii", "iii", "iv"].map((word) => [word, word] as const),
]);
const LEGAL_FORMS = new Set(
  `gmbh mbh ag kg kgaa ohg ug ev eg gbr se co inc incorporated corp corporation company llc llp lp ltd
   limited plc pty sa sas sarl srl spa snc sl slu sc bv nv ab oy as aps kk kft doo sro zoo ooo oao zao
   group holding the and und et y e i cie`.split(/\s+/),
);
/** Providers that ignore dots in a mailbox. */
const DOTLESS = new Set(["gmail.com", "googlemail.com"]);

export function comparable(identity: Identity): Comparable {
  const { given, family, generation } = nameOf(identity);
  const company = wordsOf(identity.company?.replaceAll(".", "") ?? null);
  const named = company.filter((word) => !LEGAL_FORMS.has(word));
  const { street, postalCode } = identity;
  return {
    given,
    family,
    generation,
    email: emailOf(identity.email),
    phone: identity.phone,
    company: named.length > 0 ? named : company,
    address:
      street !== null && postalCode !== null
        ? `${lettersOf(street)} ${lettersOf(postalCode)}`
        : null,
  };
}

function nameOf({ firstName, lastName }: Identity) {
  let given = wordsOf(firstName);
  let family = wordsOf(lastName);
  const suffix = [...family.slice(1), ...given.slice(1)];
  // "Sr" is a title in front of a Spanish name, and a generation behind an English one.
  const generation =
    suffix.map((word) => (word === "sr" ? "sr" : GENERATIONS.get(word))).find(Boolean) ?? null;
  const isName = (word: string): boolean => !TITLES.has(word) && !GENERATIONS.has(word);
  if (given.some(isName)) given = given.filter(isName);
  if (family.some(isName)) family = family.filter(isName);
  // Both in one field.
  if (family.length === 0 && given.length > 1) family = given.splice(-1);
  else if (given.length === 0 && family.length > 1) given = family.splice(0, 1);
  return { given, family, generation };
}

function emailOf(email: string | null): Comparable["email"] {
  if (email === null) return null;
  const at = email.lastIndexOf("@");
  const domain = email.slice(at + 1);
  const untagged = email.slice(0, at).replace(/\+.*$/, "");
  const dotless = DOTLESS.has(domain);
  return {
    exact: email,
    address: `${dotless ? untagged.replaceAll(".", "") : untagged}@${dotless ? "gmail.com" : domain}`,
    mailbox: untagged.replace(/[._-]/g, ""),
    domain,
  };
}

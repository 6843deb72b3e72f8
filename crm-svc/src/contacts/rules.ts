import type { Contact, ContactFields, ContactValues } from "./schema.ts";

const EMPTY: ContactValues = {
  firstName: null,
  lastName: null,
  email: null,
  phone: null,
  company: null,
  title: null,
  website: null,
  address: null,
  tags: [],
  source: null,
  lifecycleStage: "lead",
  ownerUserId: null,
};

/** A new contact's values. Whoever adds it owns it, unless somebody else (or null) is named. */
export function newContact(fields: ContactFields, creatorId: string | null): ContactValues {
  return applyPatch({ ...EMPTY, ownerUserId: creatorId }, fields);
}

/** Applies a merge patch (RFC 7396): absent stays, null clears to what a new contact has. */
export function applyPatch(values: ContactValues, patch: ContactFields): ContactValues {
  const { address, ...rest } = patch;
  const given = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, value ?? Reflect.get(EMPTY, name)]);
  return {
    ...values,
    ...Object.fromEntries(given),
    ...(address !== undefined && { address: patchAddress(values.address, address) }),
  };
}

function patchAddress(
  address: ContactValues["address"],
  patch: NonNullable<ContactFields["address"]> | null,
): ContactValues["address"] {
  if (patch === null) return null;
  const blank = { street: null, city: null, region: null, postalCode: null, country: null };
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  const patched = { ...blank, ...address, ...Object.fromEntries(given) };
  return Object.values(patched).some((value) => value !== null) ? patched : null;
}

/** Whether there is anything to call the contact by. */
export function isNamed({ firstName, lastName, email, company }: ContactValues): boolean {
  return [firstName, lastName, email, company].some((value) => value !== null);
}

/** The fields that differ, before and after; null if none does. */
export function difference(
  before: Contact,
  after: ContactValues,
): { before: Partial<ContactValues>; after: Partial<ContactValues> } | null {
  const changed = Object.keys(EMPTY).filter(
    (name) =>
      JSON.stringify(Reflect.get(before, name)) !== JSON.stringify(Reflect.get(after, name)),
  );
  if (changed.length === 0) return null;
  const pick = (values: object) =>
    Object.fromEntries(changed.map((name) => [name, Reflect.get(values, name)]));
  return { before: pick(before), after: pick(after) };
}

/** Further words narrow nothing down any more, but each costs a look-up. */
const MAX_WORDS = 16;
/** A longer word than this is in no contact. */
const MAX_WORD = 100;

/**
 * The words of what somebody typed: letters and digits of any script. All else separates them, so
 * that no operator of PostgreSQL's query language can be among them.
 */
export function queryWords(typed: string): string[] {
  const words = typed.normalize("NFC").match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return [...new Set(words.map((word) => word.slice(0, MAX_WORD)))].slice(0, MAX_WORDS);
}

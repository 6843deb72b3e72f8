import type { ContactPatch, ContactValues } from "./schema.ts";

const EMPTY: ContactValues = {
  firstName: null,
  lastName: null,
  email: null,
  phone: null,
  phoneOriginal: null,
  company: null,
  title: null,
  website: null,
  address: null,
  tags: [],
  source: null,
  lifecycleStage: "lead",
  ownerUserId: null,
  custom: {},
};

/** A new contact's values. Whoever adds it owns it, unless somebody else (or null) is named. */
export function newContact(fields: ContactPatch, creatorId: string | null): ContactValues {
  return applyPatch({ ...EMPTY, ownerUserId: creatorId }, fields);
}

/** Applies a merge patch (RFC 7396): absent stays, null clears to what a new contact has. */
export function applyPatch(values: ContactValues, patch: ContactPatch): ContactValues {
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
  patch: NonNullable<ContactPatch["address"]> | null,
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

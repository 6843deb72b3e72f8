import type { FieldFault } from "@crm/platform/errors";
import type { ContactSettings } from "../contact-fields/queries.ts";
import { patchCustom } from "../contact-fields/values.ts";
import { phoneNumber } from "./phones.ts";
import { applyPatch, isNamed, newContact } from "./rules.ts";
import { type ContactFields, type ContactPatch, type ContactValues, NO_NUMBER } from "./schema.ts";

/** What a contact is to hold, and what of it cannot be accepted, by field. */
export interface Accepted {
  readonly values: ContactValues;
  readonly faults: readonly FieldFault[];
}

/** A new contact of the tenant with these settings; see newContact for its owner. */
export function acceptNew(
  fields: ContactFields,
  creatorId: string | null,
  settings: ContactSettings,
): Accepted {
  // Also without any, because some may be required.
  const given = { ...fields, custom: fields.custom ?? {} };
  const { patch, faults } = understood(given, null, settings);
  return named(newContact(patch, creatorId), faults);
}

/** A contact after a merge patch (RFC 7396). */
export function acceptPatch(
  before: ContactValues,
  fields: ContactFields,
  settings: ContactSettings,
): Accepted {
  const { patch, faults } = understood(fields, before, settings);
  return named(applyPatch(before, patch), faults);
}

/** Whether the settings say anything about these fields. */
export function needsSettings({ phone, custom }: ContactFields): boolean {
  return typeof phone === "string" || custom !== undefined;
}

function understood(
  { phone, custom, ...rest }: ContactFields,
  before: ContactValues | null,
  { country, fields }: ContactSettings,
): { readonly patch: ContactPatch; readonly faults: FieldFault[] } {
  const faults: FieldFault[] = [];
  const patch: ContactPatch = { ...rest };
  if (phone === null) Object.assign(patch, { phone: null, phoneOriginal: null });
  // What is sent back as it was read is no change: neither of its writing, nor of a phone from before
  // numbers were understood.
  else if (phone !== undefined && phone !== before?.phone && phone !== before?.phoneOriginal) {
    const number = phoneNumber(phone, country);
    if (number === null) faults.push({ path: "phone", ...NO_NUMBER });
    else Object.assign(patch, { phone: number, phoneOriginal: phone });
  }
  if (custom !== undefined) {
    const patched = patchCustom(fields, before?.custom ?? {}, custom);
    Object.assign(patch, { custom: patched.values });
    faults.push(...patched.faults);
  }
  return { patch, faults };
}

function named(values: ContactValues, faults: readonly FieldFault[]): Accepted {
  return { values, faults: isNamed(values) ? faults : [...faults, NAMELESS] };
}

/** Of the whole contact, so it has no path. */
const NAMELESS: FieldFault = {
  path: "",
  code: "required",
  message: "one at least of firstName, lastName, email and company is needed",
};

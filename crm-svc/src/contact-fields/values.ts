import { type FieldFault, MAX_FAULTS } from "@crm/platform/errors";
import { type ContactField, type CustomValue, MAX_TEXT } from "./schema.ts";

/** Values of a tenant's own fields, by their names. */
export type CustomValues = Readonly<Record<string, unknown>>;

/**
 * Applies a merge patch (RFC 7396) to a contact's values: absent stays, null removes. What a patch
 * does not change is not looked at, so that values outlive the field that they were made for: they
 * stay as they are until they are removed, or replaced by what the field takes now.
 *
 * Faults are of `custom.<name>`: unknown, not of its field's type, or required and missing afterwards.
 * If there are any, `values` are of no use: what comes after as many as are told is not looked at.
 */
export function patchCustom(
  fields: readonly ContactField[],
  current: CustomValues,
  patch: CustomValues | null,
): { readonly values: CustomValues; readonly faults: FieldFault[] } {
  if (patch === null) return { values: {}, faults: missing(fields, {}) };
  const values = new Map(Object.entries(current));
  const faults: FieldFault[] = [];
  for (const [name, value] of Object.entries(patch)) {
    // Each names all fields that there are: of a body full of unknown ones that is gigabytes.
    if (faults.length === MAX_FAULTS) break;
    if (value === null) values.delete(name);
    else if (JSON.stringify(value) !== JSON.stringify(values.get(name))) {
      const checked = customValue(fields, name, value);
      if ("fault" in checked) faults.push(checked.fault);
      else values.set(name, checked.value);
    }
  }
  const patched = Object.fromEntries(values);
  const faulty = new Set(faults.map(({ path }) => path));
  const further = missing(fields, patched).filter(({ path }) => !faulty.has(path));
  return { values: patched, faults: [...faults, ...further] };
}

/** What a text stands for in a field, for `customValue` to check; itself if that is nothing. */
export function valueOfText({ type }: ContactField, text: string): unknown {
  switch (type) {
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
    case "boolean":
    case "consent":
      return /^(true|false)$/i.test(text) ? text.toLowerCase() === "true" : text;
    case "options":
      return [text];
    default:
      return text;
  }
}

/** The value as it is kept, or why it cannot be. */
export function customValue(
  fields: readonly ContactField[],
  name: string,
  value: unknown,
): { readonly value: CustomValue } | { readonly fault: FieldFault } {
  const field = fields.find((each) => each.name === name);
  const fault = (code: string, message: string) => ({
    fault: { path: `custom.${name}`, code, message },
  });
  if (field === undefined) return fault("unknown_field", `is not a field; ${existing(fields)}`);
  const { type, options } = field;
  switch (type) {
    case "text": {
      if (typeof value !== "string") return fault("invalid_type", "must be text");
      const trimmed = value.trim();
      if (trimmed === "") return fault("too_small", "must not be empty: null removes it");
      if (trimmed.length <= MAX_TEXT) return { value: trimmed };
      return fault("too_big", `must have at most ${MAX_TEXT} characters`);
    }
    case "number":
      if (typeof value === "number" && Number.isFinite(value)) return { value };
      return fault("invalid_type", "must be a number");
    case "boolean":
    case "consent":
      return typeof value === "boolean"
        ? { value }
        : fault("invalid_type", "must be true or false");
    case "date":
      if (typeof value === "string" && isDate(value)) return { value };
      return fault("invalid_format", "must be a date such as 2026-01-31");
    case "option":
      if (typeof value === "string" && options.includes(value)) return { value };
      return fault("invalid_value", `must be one of ${options.join(", ")}`);
    case "options": {
      const chosen = Array.isArray(value) ? options.filter((option) => value.includes(option)) : [];
      const all = Array.isArray(value) && value.every((each) => chosen.includes(each));
      if (all && chosen.length > 0) return { value: chosen };
      return fault("invalid_value", `must be a list of some of ${options.join(", ")}`);
    }
  }
}

function missing(fields: readonly ContactField[], values: CustomValues): FieldFault[] {
  return fields
    .filter(({ name, required }) => required && !Object.hasOwn(values, name))
    .map(({ name }) => ({ path: `custom.${name}`, code: "required", message: "is required" }));
}

function existing(fields: readonly ContactField[]): string {
  if (fields.length === 0) return "there are none: PUT /v1/contact-fields makes them";
  return `there are ${fields.map(({ name }) => name).join(", ")}`;
}

/** Of the proleptic Gregorian calendar, years 0001 to 9999, as ISO 8601 writes it. */
function isDate(text: string): boolean {
  if (!/^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

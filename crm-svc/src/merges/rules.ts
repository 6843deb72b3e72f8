import { type Contact, type ContactValues, CUSTOM, MAX_TAGS, MERGED_FIELDS } from "./schema.ts";

/** A contact's fields side by side, those of the tenant's own as `custom.<name>`. Null is no value. */
export type Fields = Readonly<Record<string, unknown>>;

/** By field: what it was before a change, and is after it. */
export type Changes = Readonly<
  Record<string, { readonly before: unknown; readonly after: unknown }>
>;

export function fieldsOf(values: ContactValues): Fields {
  const fields = MERGED_FIELDS.map((name) => [
    name,
    // As it was entered belongs to the number.
    name === "phone" && values.phone !== null
      ? { number: values.phone, original: values.phoneOriginal }
      : values[name],
  ]);
  const custom = Object.entries(values.custom).map(([name, value]) => [`${CUSTOM}${name}`, value]);
  return Object.fromEntries([...fields, ...custom, ["tags", values.tags]]);
}

/** What fieldsOf has made fields of. */
export function valuesOf(fields: Fields): ContactValues {
  const { phone, ...rest } = fields;
  const number = phone as { number: string; original: string } | null;
  const isCustom = ([name]: [string, unknown]): boolean => name.startsWith(CUSTOM);
  const entries = Object.entries(rest);
  const custom = entries
    .filter(([, value]) => value !== null)
    .filter(isCustom)
    .map(([name, value]) => [name.slice(CUSTOM.length), value]);
  // The names and types that fieldsOf has put in.
  return {
    ...Object.fromEntries(entries.filter((entry) => !isCustom(entry))),
    phone: number?.number ?? null,
    phoneOriginal: number?.original ?? null,
    custom: Object.fromEntries(custom),
  } as ContactValues;
}

/**
 * What contacts are together. A field has the value of the contact that was chosen for it; else the
 * target's, unless it has none or an abbreviation: then that of the source that was changed last, of
 * those that have one. Of the stages the furthest, of consents a no before a yes, of tags all (as many
 * as a contact may have, the target's first).
 *
 * @param consents names of the tenant's fields that are consents.
 */
export function mergedFields(
  target: Contact,
  sources: readonly Contact[],
  choose: Readonly<Record<string, string>>,
  consents: ReadonlySet<string>,
): Fields {
  const newestFirst = sources.toSorted((one, other) => (one.updatedAt < other.updatedAt ? 1 : -1));
  const all = [target, ...newestFirst].map((each) => ({ id: each.id, fields: fieldsOf(each) }));
  const names = new Set(all.flatMap(({ fields }) => Object.keys(fields)));
  const mergedValue = (name: string): unknown => {
    const values = all.map(({ fields }) => fields[name] ?? null);
    if (name === "tags") return [...new Set(values.flat())].slice(0, MAX_TAGS);
    if (isConsent(name, consents) && values.includes(false)) return false;
    const chosen = all.find(({ id }) => id === choose[name]);
    if (chosen !== undefined) return chosen.fields[name] ?? null;
    if (name === "lifecycleStage") return furthest(values);
    const given = values.filter((value) => value !== null);
    return given
      .slice(1)
      .reduce((kept, value) => (isFuller(value, kept, name) ? value : kept), given[0] ?? null);
  };
  return Object.fromEntries([...names].map((name) => [name, mergedValue(name)]));
}

/** Consents that somebody has chosen to loosen: fields in which another contact says no. */
export function loosenedConsents(
  contacts: readonly Contact[],
  choose: Readonly<Record<string, string>>,
  consents: ReadonlySet<string>,
): string[] {
  return Object.keys(choose).filter((name) => {
    if (!isConsent(name, consents)) return false;
    const field = name.slice(CUSTOM.length);
    const chosen = contacts.find(({ id }) => id === choose[name]);
    return (
      chosen?.custom[field] !== false && contacts.some(({ custom }) => custom[field] === false)
    );
  });
}

function isConsent(name: string, consents: ReadonlySet<string>): boolean {
  return name.startsWith(CUSTOM) && consents.has(name.slice(CUSTOM.length));
}

const STAGES = ["other", "subscriber", "lead", "qualified", "opportunity", "former", "customer"];

/** Who was a customer is more than an opportunity, and who is one more than who was. */
function furthest(stages: readonly unknown[]): unknown {
  const rank = (stage: unknown): number => STAGES.indexOf(String(stage));
  return stages.reduce((kept, stage) => (rank(stage) > rank(kept) ? stage : kept));
}

/** `Jonathan` is fuller than `J.`, and an address with a town than the same without. */
function isFuller(value: unknown, kept: unknown, name: string): boolean {
  if (name === "address" && isObject(value) && isObject(kept)) {
    const parts = Object.entries(kept).filter(([, part]) => part !== null);
    const agree = parts.every(([part, text]) => value[part] === text);
    return agree && Object.values(value).filter((part) => part !== null).length > parts.length;
  }
  if ((name !== "firstName" && name !== "lastName") || typeof value !== "string") return false;
  const initial = /^(\p{L})\.?$/u.exec(String(kept))?.[1];
  return (
    initial !== undefined &&
    value.replace(/\.$/, "").length > 1 &&
    value.toLowerCase().startsWith(initial.toLowerCase())
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** What makes one of the other. */
export function changesBetween(before: Fields, after: Fields): Changes {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return Object.fromEntries(
    names
      .map((name) => [name, { before: before[name] ?? null, after: after[name] ?? null }] as const)
      .filter(([, change]) => !Bun.deepEquals(change.before, change.after)),
  );
}

/**
 * The tenant's own fields whose value stands whatever a merge had made of it: consents that another part of the
 * contact refuses, or that somebody has decided on since.
 */
export function standingConsents(
  consents: ReadonlySet<string>,
  otherParts: readonly Contact["custom"][],
  changedSince: ReadonlySet<string>,
): Set<string> {
  const standing = [...consents].filter(
    (name) => changedSince.has(name) || otherParts.some((custom) => custom[name] === false),
  );
  return new Set(standing.map((name) => `${CUSTOM}${name}`));
}

/**
 * Takes changes back where nobody has changed the field since and its value may go; `kept` names the others.
 * Tags are taken back one by one.
 */
export function takeBack(current: Fields, changes: Changes, standing: ReadonlySet<string>) {
  const fields = { ...current };
  const restored: string[] = [];
  const kept: string[] = [];
  for (const [name, { before, after }] of Object.entries(changes)) {
    const now = current[name] ?? null;
    if (Bun.deepEquals(now, after) && !standing.has(name)) {
      fields[name] = before;
      restored.push(name);
    } else if (name === "tags") {
      // Of this field fieldsOf has made lists of text.
      const [then, had] = [after as string[], before as string[]];
      const added = then.filter((tag) => !had.includes(tag));
      fields[name] = (now as string[]).filter((tag) => !added.includes(tag));
      restored.push(name);
    } else if (!Bun.deepEquals(now, before)) {
      kept.push(name);
    }
  }
  if (NAMES.some((name) => (fields[name] ?? null) !== null)) return { fields, restored, kept };
  // What somebody has cleared since was all that it had been called by before.
  const needed = restored.filter((name) => NAMES.includes(name));
  return {
    fields: { ...fields, ...Object.fromEntries(needed.map((name) => [name, current[name]])) },
    restored: restored.filter((name) => !needed.includes(name)),
    kept: [...kept, ...needed],
  };
}

/** A contact has one at least of these. */
const NAMES = ["firstName", "lastName", "email", "company"];

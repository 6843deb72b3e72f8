import { applyPatch } from "../rules.ts";
import type { ContactPatch, ContactValues } from "../schema.ts";

type Values = Readonly<Record<string, unknown>>;

/** What the audit log has of a change of a contact. That of an undo says in `after` what it `undoes`. */
export interface Change {
  readonly action: string;
  readonly before: Values | null;
  readonly after: Values | null;
}

/** Others, such as a merge, change more than the contact itself. */
const UNDOABLE: ReadonlySet<string> = new Set([
  "created",
  "updated",
  "deleted",
  "restored",
  "undone",
]);

/** What the change did to the contact; null if that cannot be taken back here. */
export function effectOf({
  action,
  before,
  after,
}: Change): "brought" | "removed" | "edited" | null {
  if (!UNDOABLE.has(action)) return null;
  if (before === null) return "brought";
  const { undoes, ...values } = after ?? {};
  return Object.keys(values).length === 0 ? "removed" : "edited";
}

/**
 * Takes an edit back: what it changed is as it was before. The parts of an address and the tenant's
 * own fields count each by itself.
 *
 * `changedSince` are the fields that have other values by now than the edit gave them, so that they
 * are nobody's to take back; if there are any, `values` are of no use.
 */
export function revert(
  current: ContactValues,
  { before, after }: Pick<Change, "before" | "after">,
): { readonly values: ContactValues; readonly changedSince: readonly string[] } {
  const is = partsOf(current);
  const was = partsOf(before ?? {});
  const became = partsOf(after ?? {});
  const changed = [...new Set([...was.keys(), ...became.keys()])].filter(
    (path) => headOf(path) in current && !same(was.get(path), became.get(path)),
  );
  const patch = new Map<string, unknown>();
  const address = new Map<string, unknown>();
  const custom = new Map<string, unknown>(Object.entries(current.custom));
  for (const path of changed) {
    const value = was.get(path) ?? null;
    const name = headOf(path);
    const part = path.slice(name.length + 1);
    if (part === "") patch.set(name, value);
    else if (name === "address") address.set(part, value);
    else if (value === null) custom.delete(part);
    else custom.set(part, value);
  }
  if (address.size > 0) patch.set("address", Object.fromEntries(address));
  patch.set("custom", Object.fromEntries(custom));
  return {
    // The values are what a contact held before.
    values: applyPatch(current, Object.fromEntries(patch) as ContactPatch),
    changedSince: changed.filter((path) => !same(is.get(path), became.get(path))).toSorted(),
  };
}

/** By path: `firstName`, `address.city`, `custom.size`. */
function partsOf(values: object): Map<string, unknown> {
  // Entries from before numbers were understood have the phone as it was entered, and that alone.
  const whole = "phone" in values ? { phoneOriginal: values.phone, ...values } : values;
  return new Map(
    Object.entries(whole).flatMap(([name, value]): [string, unknown][] =>
      name === "address" || name === "custom"
        ? Object.entries(value ?? {}).map(([part, inner]) => [`${name}.${part}`, inner])
        : [[name, value]],
    ),
  );
}

function headOf(path: string): string {
  return path.split(".", 1)[0] ?? "";
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
}

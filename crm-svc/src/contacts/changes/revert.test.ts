import { describe, expect, test } from "bun:test";
import { changedFields } from "@crm/platform/audit";
import fc from "fast-check";
import { applyPatch, newContact } from "../rules.ts";
import type { ContactPatch, ContactValues } from "../schema.ts";
import { effectOf, revert } from "./revert.ts";

const text = fc.constantFrom("a", "b", "c");
const nullable = fc.option(text);
const address = fc.record({ city: nullable, street: nullable }, { requiredKeys: [] });
const patch: fc.Arbitrary<ContactPatch> = fc
  .record(
    {
      firstName: nullable,
      email: nullable,
      phone: nullable,
      tags: fc.option(fc.array(text)),
      lifecycleStage: fc.option(fc.constantFrom("customer", "former")),
      address: fc.option(address),
      custom: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.array(text))),
    },
    { requiredKeys: [] },
  )
  .map((given) => ("phone" in given ? { ...given, phoneOriginal: given.phone } : given));
/** Any that there can be: a contact to which three patches were applied. */
const contact = fc
  .array(patch, { maxLength: 3 })
  .map((patches) => patches.reduce<ContactValues>(applyPatch, newContact({}, null)));

/** As it is read from the audit log. */
function logged(before: ContactValues, after: ContactValues) {
  const changed = changedFields<ContactValues>(before, after) ?? { before: {}, after: {} };
  return JSON.parse(JSON.stringify(changed));
}

test("whatever a patch did, to take it back restores the contact", () => {
  fc.assert(
    fc.property(contact, patch, (before, given) => {
      const after = applyPatch(before, given);
      const { values, changedSince } = revert(after, logged(before, after));
      expect(changedSince).toEqual([]);
      expect(values).toEqual(before);
    }),
  );
});

test("to take back the taking back gives what the patch gave", () => {
  fc.assert(
    fc.property(contact, patch, (before, given) => {
      const after = applyPatch(before, given);
      const { values } = revert(after, logged(before, after));
      expect(revert(values, logged(after, values)).values).toEqual(after);
    }),
  );
});

test("what another changed since in other fields is kept, in the same ones it is named", () => {
  fc.assert(
    fc.property(contact, patch, patch, (before, given, later) => {
      const middle = applyPatch(before, given);
      const change = logged(before, middle);
      const now = applyPatch(middle, later);
      const { values, changedSince } = revert(now, change);
      if (changedSince.length > 0) {
        expect(JSON.stringify(now)).not.toBe(JSON.stringify(middle));
        return;
      }
      // What the change has not touched is as it is now.
      for (const name of ["firstName", "email", "tags", "lifecycleStage"] as const) {
        expect(values[name]).toEqual(name in change.before ? before[name] : now[name]);
      }
    }),
  );
});

describe("an entry from before numbers were understood", () => {
  const before = { phone: "0731 1" };
  const after = { phone: "0731 2" };

  test("gives the phone back as it was entered", () => {
    const now = { ...newContact({}, null), phone: "0731 2", phoneOriginal: "0731 2" };
    const { values, changedSince } = revert(now, { before, after });
    expect(changedSince).toEqual([]);
    expect(values).toMatchObject({ phone: "0731 1", phoneOriginal: "0731 1" });
  });
});

test.each([
  ["created", null, { id: "1" }, "brought"],
  ["updated", { title: "a" }, { title: "b" }, "edited"],
  ["deleted", { id: "1" }, null, "removed"],
  ["restored", null, { id: "1" }, "brought"],
  ["undone", null, { id: "1", undoes: "2" }, "brought"],
  ["undone", { title: "a" }, { title: "b", undoes: "2" }, "edited"],
  ["undone", { id: "1" }, { undoes: "2" }, "removed"],
  ["merged", { id: "1" }, null, null],
] as const)("%s, %j to %j, has %p the contact", (action, before, after, effect) => {
  expect(effectOf({ action, before, after })).toBe(effect);
});

import { describe, expect, test } from "bun:test";
import { applyPatch, faultsOf, missingOf, newInteraction } from "./rules.ts";
import { type InteractionValues, OUTCOMES } from "./schema.ts";

const NOW = new Date("2026-05-04T12:00:00.000Z");
const CONTACT = "0196a000-0000-7000-8000-000000000001";

function call(values: Partial<InteractionValues> = {}): InteractionValues {
  return { ...newInteraction({ type: "call" }, NOW), ...values };
}

describe("what is missing", () => {
  const known = { contactId: CONTACT };
  test.each([
    ["all of a call", call(), ["contactId", "outcome", "durationSeconds"]],
    ["nothing of a whole call", call({ ...known, outcome: "connected", durationSeconds: 0 }), []],
    ["how long they talked", call({ ...known, outcome: "connected" }), ["durationSeconds"]],
    ["no time, where nobody talked", call({ ...known, outcome: "noAnswer" }), []],
    ["the outcome alone", call({ ...known, durationSeconds: 60 }), ["outcome"]],
    ["how long a meeting took", call({ ...known, type: "meeting" }), ["durationSeconds"]],
    ["nothing of one that was not", call({ ...known, type: "meeting", outcome: "noShow" }), []],
    ["the contact of a note", call({ type: "note" }), ["contactId"]],
    ["nothing of an e-mail", call({ ...known, type: "email" }), []],
  ] as const)("%s", (_, values, missing) => {
    expect(missingOf(values)).toEqual([...missing]);
  });
});

test("a new interaction happens now, and a task is open", () => {
  expect(newInteraction({ type: "note" }, NOW)).toMatchObject({
    occurredAt: NOW.toISOString(),
    outcome: null,
    metadata: {},
  });
  expect(newInteraction({ type: "task" }, NOW).outcome).toBe("open");
  expect(newInteraction({ type: "task", outcome: "done" }, NOW).outcome).toBe("done");
});

describe("a patch", () => {
  test("leaves what is absent and clears what is null", () => {
    const before = call({ subject: "S", body: "B" });
    expect(applyPatch(before, { subject: null })).toEqual({ ...before, subject: null });
    expect(applyPatch(before, {})).toEqual(before);
  });

  test("merges metadata at every level, and takes them all away", () => {
    const before = call({ metadata: { a: 1, b: { c: 2, d: [1, 2] } } });
    const patched = applyPatch(before, { metadata: { a: null, b: { d: [3], e: null } } });
    expect(patched.metadata).toEqual({ b: { c: 2, d: [3] } });
    expect(applyPatch(before, { metadata: null }).metadata).toEqual({});
    expect(
      call({ ...newInteraction({ type: "call", metadata: { a: null } }, NOW) }).metadata,
    ).toEqual({});
  });

  test("merges a participant, and one of whom nothing is known is none", () => {
    const before = call({ participant: { name: "N", email: null, phone: "1" } });
    expect(applyPatch(before, { participant: { phone: null } }).participant).toEqual({
      name: "N",
      email: null,
      phone: null,
    });
    expect(applyPatch(before, { participant: { phone: null, name: null } }).participant).toBeNull();
    expect(applyPatch(before, { participant: null }).participant).toBeNull();
  });
});

describe("what cannot be accepted", () => {
  const faults = (values: InteractionValues, before: InteractionValues | null = null) =>
    faultsOf(values, before, NOW).map(({ path, code }) => `${path} ${code}`);
  const at = (ms: number) => new Date(NOW.getTime() + ms).toISOString();
  const DAY = 86_400_000;

  test("is an outcome of another type", () => {
    for (const [type, offered] of Object.entries(OUTCOMES)) {
      for (const outcome of new Set(Object.values(OUTCOMES).flat())) {
        // The keys of OUTCOMES are the types.
        const values = call({ type: type as InteractionValues["type"], outcome });
        const fits = (offered as readonly string[]).includes(outcome);
        expect(faults(values), `${type} ${outcome}`).toEqual(fits ? [] : ["outcome not_offered"]);
      }
    }
  });

  test.each([
    ["1970", call({ occurredAt: "1970-01-01T00:00:00.000Z" }), []],
    ["before", call({ occurredAt: "1969-12-31T23:59:59.999Z" }), ["occurredAt too_early"]],
    ["a day ahead", call({ occurredAt: at(DAY) }), []],
    ["more", call({ occurredAt: at(DAY + 1) }), ["occurredAt too_late"]],
    ["a task in five years", call({ type: "task", occurredAt: at(5 * 365 * DAY) }), []],
    ["in six", call({ type: "task", occurredAt: at(6 * 365 * DAY) }), ["occurredAt too_late"]],
  ] as const)("is a time that is too far: %s", (_, values, expected) => {
    expect(faults(values)).toEqual([...expected]);
  });

  test("is what changed, not what was there", () => {
    const before = call({ occurredAt: at(9 * DAY), outcome: "done" });
    expect(faults({ ...before, subject: "S" }, before)).toEqual([]);
    expect(faults({ ...before, occurredAt: at(8 * DAY) }, before)).toEqual(["occurredAt too_late"]);
  });

  test.each([
    ["five levels", { a: { b: { c: { d: 1 } } } }, []],
    ["six", { a: { b: { c: { d: { e: {} } } } } }, ["metadata too_deep"]],
    ["levels of lists", { a: [[[[[]]]]] }, ["metadata too_deep"]],
    [
      "101 keys, wherever",
      { a: Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`k${at}`, at])) },
      ["metadata too_many_keys"],
    ],
    ["16 KB", { a: "ü".repeat(8_188) }, []],
    ["more bytes", { a: "ü".repeat(8_189) }, ["metadata too_big"]],
  ] as const)("are metadata with %s", (_, metadata, expected) => {
    expect(faults(call({ metadata: metadata as InteractionValues["metadata"] }))).toEqual([
      ...expected,
    ]);
  });
});

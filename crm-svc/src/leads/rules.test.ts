import { describe, expect, test } from "bun:test";
import { DEFAULT_SETTINGS } from "../lead-settings/schema.ts";
import { nextInTurn, ruleFor } from "./assignment/rules.ts";
import { PROBABILITIES, TRANSITIONS } from "./rules.ts";
import { LEAD_STATUSES, OPEN_STATUSES } from "./schema.ts";
import { scoreOf } from "./score/rules.ts";
import type { Contacted, ScoreFacts } from "./score/schema.ts";
import { timeInStatus } from "./transitions/rules.ts";

describe("statuses", () => {
  test("nothing is won by a transition, and nothing leads away from there", () => {
    for (const status of LEAD_STATUSES) expect(TRANSITIONS[status]).not.toContain("won");
    expect(TRANSITIONS.won).toEqual([]);
  });

  test("what is open can be lost, and what is lost be reopened", () => {
    for (const status of OPEN_STATUSES) {
      expect(TRANSITIONS[status]).toContain("lost");
      expect(TRANSITIONS[status]).not.toContain(status);
      expect(TRANSITIONS.lost).toContain(status);
    }
  });

  test("the further, the likelier", () => {
    const implied = [...OPEN_STATUSES, "won" as const].map((status) => PROBABILITIES[status]);
    expect(implied).toEqual(implied.toSorted((one, other) => one - other));
    expect([PROBABILITIES.lost, PROBABILITIES.won]).toEqual([0, 100]);
  });
});

test("time in a status is all the times that the lead was there", () => {
  const step = { reason: null, note: null, userId: null };
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  const history = [
    { ...step, number: 1, from: null, to: "new", at: at(0), lastedSeconds: null },
    { ...step, number: 2, from: "new", to: "lost", at: at(5), lastedSeconds: 5 },
    { ...step, number: 3, from: "lost", to: "new", at: at(7), lastedSeconds: 2 },
  ] as const;
  expect(timeInStatus(history, new Date(at(10)))).toEqual([
    { status: "new", seconds: 8 },
    { status: "lost", seconds: 2 },
  ]);
});

describe("a score", () => {
  const { scoring } = DEFAULT_SETTINGS;
  const unknown = {
    name: false,
    email: false,
    phone: false,
    company: false,
    title: false,
    country: false,
  };
  const nothing: ScoreFacts = {
    leadId: Bun.randomUUIDv7(),
    status: "new",
    daysInStatus: 0,
    value: null,
    source: null,
    contact: unknown,
    contacted: [],
  };
  const known = { name: true, email: true, phone: true, company: true, title: true, country: true };
  const call: Contacted = { type: "call", direction: "outbound", count: 1, recent: 1 };
  const points = (facts: Partial<ScoreFacts>, rule: string) =>
    scoreOf({ ...nothing, ...facts }, scoring).parts.find((part) => part.rule === rule)?.points ??
    -1;

  test("has all points of the best lead, and few of the worst", () => {
    const best: ScoreFacts = {
      ...nothing,
      status: "negotiation",
      value: { amount: "100000.00", currency: "EUR" },
      source: "fair",
      contact: known,
      contacted: [{ ...call, count: 500, recent: 500 }],
    };
    const sources = [{ source: "fair", percent: 100 }];
    expect(scoreOf(best, { ...scoring, sources }).score).toBe(100);
    expect(scoreOf({ ...nothing, status: "lost" }, scoring).score).toBe(0);
  });

  test("grows with what is known, what happens, and what it is worth", () => {
    expect(points({ contact: { ...unknown, email: true } }, "completeness")).toBeCloseTo(20 / 6, 2);
    expect(points({ contacted: [call] }, "engagement")).toBeLessThan(
      points({ contacted: [{ ...call, direction: "inbound" }] }, "engagement"),
    );
    expect(points({ contacted: [{ ...call, recent: 0.5 }] }, "engagement")).toBeLessThan(
      points({ contacted: [call] }, "engagement"),
    );
    expect(points({ value: { amount: "10.00", currency: "EUR" } }, "value")).toBeLessThan(
      points({ value: { amount: "1000.00", currency: "EUR" } }, "value"),
    );
  });

  test("fades in a status that it does not leave", () => {
    expect(points({ daysInStatus: 14 }, "stage")).toBe(points({}, "stage"));
    expect(points({ daysInStatus: 44 }, "stage")).toBe(points({}, "stage") / 2);
  });
});

describe("assignment", () => {
  const rule = {
    name: "R",
    sources: [],
    countries: [],
    currency: null,
    minValue: null,
    maxValue: null,
    userIds: ["a"],
  };
  const all = { mode: "rules", userIds: ["z"], rules: [] } as const;
  const facts = { source: "fair", value: { amount: "1000.00", currency: "EUR" } };
  test.each([
    ["the source", { sources: ["fair"] }, true],
    ["another source", { sources: ["web"] }, false],
    ["the country", { countries: ["FR"] }, true],
    ["another country", { countries: ["DE"] }, false],
    ["the least value", { minValue: "1000.00" }, true],
    ["a cent more", { minValue: "1000.01" }, false],
    ["the most", { maxValue: "1000.00" }, true],
    ["a cent less", { maxValue: "999.99" }, false],
    ["another currency", { currency: "USD" }, false],
    ["nothing in particular", {}, true],
  ])("by a rule for %s", (_, part, matches) => {
    const { name } = ruleFor(
      { ...all, userIds: ["z"], rules: [{ ...rule, ...part }] },
      facts,
      "FR",
    );
    expect(name).toBe(matches ? "R" : "");
  });

  test.each([
    [null, ["a", "b", "c"], "a"],
    ["a", ["a", "b", "c"], "b"],
    ["c", ["a", "b", "c"], "a"],
    ["a", ["a", "c"], "c"],
    ["a", ["a"], "a"],
    ["gone", ["b"], "b"],
    ["a", [], null],
  ])("after %p, of those who can be assigned %j, it is the turn of %p", (last, fit, next) => {
    expect(nextInTurn(["a", "b", "c"], last, new Set(fit))).toBe(next);
  });
});

import { describe, expect, test } from "bun:test";
import { refreshDecision } from "./rules.ts";

const now = new Date("2026-01-01T12:00:00.000Z");
const ago = (ms: number): Date => new Date(now.getTime() - ms);

describe("refreshDecision", () => {
  const cases: [
    name: string,
    state: Parameters<typeof refreshDecision>[0],
    decision: ReturnType<typeof refreshDecision>,
  ][] = [
    ["a fresh token", { sessionAlive: true, usedAt: null, successorUsed: false }, "rotate"],
    ["a retry", { sessionAlive: true, usedAt: ago(10_000), successorUsed: false }, "repeat"],
    [
      "a late repetition",
      { sessionAlive: true, usedAt: ago(10_001), successorUsed: false },
      "reuse",
    ],
    ["an overtaken token", { sessionAlive: true, usedAt: ago(1), successorUsed: true }, "reuse"],
    [
      "a fresh token of an ended session",
      { sessionAlive: false, usedAt: null, successorUsed: false },
      "reject",
    ],
    [
      "a used token of an ended session",
      { sessionAlive: false, usedAt: ago(1), successorUsed: true },
      "reject",
    ],
  ];
  test.each(cases)("%s", (_name, state, decision) => {
    expect(refreshDecision(state, now)).toBe(decision);
  });
});

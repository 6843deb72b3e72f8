import { describe, expect, test } from "bun:test";
import { hasEnded, mayCancel, mayUndo, pace } from "./rules.ts";
import { importStatus } from "./schema.ts";

describe("an import", () => {
  test("ends in four ways, and only then can it be undone, once", () => {
    const ends = importStatus.options.filter(hasEnded);
    expect(ends).toEqual(["done", "cancelled", "failed", "undone"]);
    const undoable = importStatus.options.filter((status) => mayUndo({ status, dryRun: false }));
    expect(undoable).toEqual(["done", "cancelled", "failed"]);
  });

  test("can be cancelled as long as rows are left", () => {
    expect(importStatus.options.filter(mayCancel)).toEqual(["queued", "running"]);
  });

  test("that only tells what would happen has nothing to undo", () => {
    expect(mayUndo({ status: "done", dryRun: true })).toBe(false);
  });
});

describe("the pace", () => {
  const progress = { status: "running", rowsTotal: 1_000, rowsRead: 250, workingMs: 500 } as const;

  test("is rows by the time spent on them, and says how long the rest takes", () => {
    expect(pace(progress)).toEqual({ rowsPerSecond: 500, secondsLeft: 2 });
  });

  test("is unknown before the first rows", () => {
    const begun = { ...progress, rowsRead: 0, workingMs: 0 };
    expect(pace(begun)).toEqual({ rowsPerSecond: null, secondsLeft: null });
  });

  test("says nothing of the rest where there is none to come", () => {
    const done = { ...progress, status: "done", rowsRead: 1_000 } as const;
    expect(pace(done)).toEqual({ rowsPerSecond: 2_000, secondsLeft: null });
  });
});

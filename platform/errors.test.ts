import { expect, test } from "bun:test";
import { Code } from "@connectrpc/connect";
import { asFailure, FAILURES, invalid, MAX_FAULTS } from "./errors.ts";

test("each failure is what the contract's table says", () => {
  const table = Object.values(FAILURES).map(({ status, rpc }) => `${status} ${Code[rpc]}`);
  expect(table.toSorted()).toEqual([
    "400 InvalidArgument",
    "401 Unauthenticated",
    "403 PermissionDenied",
    "404 NotFound",
    "405 Unimplemented",
    "409 Aborted",
    "409 AlreadyExists",
    "409 FailedPrecondition",
    "412 Aborted",
    "413 ResourceExhausted",
    "415 InvalidArgument",
    "422 InvalidArgument",
    "429 ResourceExhausted",
    "431 ResourceExhausted",
    "500 Internal",
    "503 Unavailable",
    "504 DeadlineExceeded",
  ]);
});

test("what is no failure of ours is told without its message", () => {
  const bug = new Error("select * from secrets");
  const failure = asFailure(bug);
  expect(failure).toMatchObject({ kind: "internal", code: "internal", cause: bug });
  expect(failure.message).not.toContain("secrets");
  expect(asFailure(failure)).toBe(failure);
});

test("a fault of no field in particular is told without a colon", () => {
  const fields = [
    { path: "", code: "required", message: "a name is needed" },
    { path: "email", code: "required", message: "is required" },
  ];
  expect(invalid(fields).message).toBe("a name is needed; email: is required");
});

test("more faults than help anybody are not told, nor paths and messages without an end", () => {
  const long = "😀".repeat(1_000);
  const fault = { path: `a${long}`, code: "unknown_field", message: long };
  const { fields, message } = invalid(Array.from({ length: 100_000 }, () => fault));
  expect(fields).toHaveLength(MAX_FAULTS);
  const [first] = fields;
  expect(first?.path).toMatch(/^a.{1,200}…$/u);
  expect(first?.message.length).toBeLessThanOrEqual(300);
  expect(message.isWellFormed()).toBe(true);
  expect(message.length).toBeLessThanOrEqual(2_000);
  // REST makes it anew in its own terms.
  expect(invalid(fields).fields).toEqual(fields);
});

import { describe, expect, test } from "bun:test";
import { changeName, isActiveAdmin, nextStatus } from "./rules.ts";

describe("the status of a user", () => {
  test.each([
    ["active", undefined, true, "active"],
    ["active", "active", true, "active"],
    ["active", "disabled", true, "disabled"],
    ["invited", undefined, false, "invited"],
    ["invited", "active", false, null],
    ["invited", "disabled", false, "disabled"],
    ["disabled", undefined, true, "disabled"],
    ["disabled", "disabled", true, "disabled"],
    ["disabled", "active", true, "active"],
    ["disabled", "active", false, "invited"],
  ] as const)(
    "%s, asked to be %s, with a password: %p, becomes %p",
    (status, wanted, hasPassword, next) => {
      expect(nextStatus({ status }, wanted, hasPassword)).toBe(next);
    },
  );
});

test("only an active admin counts as one", () => {
  expect(isActiveAdmin({ role: "admin", status: "active" })).toBe(true);
  expect(isActiveAdmin({ role: "admin", status: "invited" })).toBe(false);
  expect(isActiveAdmin({ role: "admin", status: "disabled" })).toBe(false);
  expect(isActiveAdmin({ role: "manager", status: "active" })).toBe(false);
});

test("a change is called after the weightiest of what it changes", () => {
  const before = { fullName: "A", email: "a@b", role: "sales", status: "active" } as const;
  expect(changeName(before, { ...before, fullName: "B" })).toBe("updated");
  expect(changeName(before, { ...before, role: "admin" })).toBe("role_changed");
  expect(changeName(before, { ...before, fullName: "B", status: "disabled" })).toBe("disabled");
  expect(changeName({ ...before, status: "disabled" }, before)).toBe("enabled");
});

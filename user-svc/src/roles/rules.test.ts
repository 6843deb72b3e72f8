import { describe, expect, test } from "bun:test";
import { beyond, lockedOut, planRules, wantedFaults } from "./rules.ts";
import type { WeighedRule } from "./schema.ts";

const rule = (name: string, scope: WeighedRule["scope"], byDefault = scope): WeighedRule => {
  const [resource = "", action = ""] = name.split(":");
  return {
    resource,
    action,
    scope,
    byDefault,
    source: scope === byDefault ? "default" : "override",
  };
};

const wanted = (name: string, scope: WeighedRule["scope"]) => {
  const [resource = "", action = ""] = name.split(":");
  return { resource, action, scope };
};

const rules = [
  rule("contacts:read", "all"),
  rule("contacts:update", "own", "all"),
  rule("contacts:delete", "none"),
  rule("roles:update", "none"),
];

describe("what a role shall be able to do", () => {
  test("becomes overrides where it differs from the defaults", () => {
    const plan = planRules(rules, [
      wanted("contacts:read", "all"),
      wanted("contacts:update", "all"),
      wanted("contacts:delete", "own"),
    ]);
    expect(plan.overrides).toEqual([wanted("contacts:delete", "own")]);
    expect(plan.before).toEqual([
      wanted("contacts:update", "own"),
      wanted("contacts:delete", "none"),
    ]);
    expect(plan.after).toEqual([
      wanted("contacts:update", "all"),
      wanted("contacts:delete", "own"),
    ]);
  });

  test("does not contain what is not listed", () => {
    const plan = planRules(rules, []);
    expect(plan.overrides).toEqual([
      wanted("contacts:read", "none"),
      wanted("contacts:update", "none"),
    ]);
  });

  test("changes nothing if it is so already", () => {
    const plan = planRules(rules, [
      wanted("contacts:update", "own"),
      wanted("contacts:read", "all"),
      wanted("contacts:delete", "none"),
    ]);
    expect(plan.after).toEqual([]);
    expect(plan.overrides).toEqual([wanted("contacts:update", "own")]);
  });

  test("is refused by name where there is no such permission, or it is there twice", () => {
    const faults = wantedFaults(rules, [
      wanted("contacts:read", "all"),
      wanted("contacts:fly", "all"),
      wanted("contacts:read", "own"),
      wanted("roles:update", "own"),
    ]);
    expect(faults.map(({ path, code }) => `${path} ${code}`)).toEqual([
      "permissions[1] unknown_permission",
      "permissions[2] duplicate",
      "permissions[3] ownerless",
    ]);
    expect(faults[0]?.message).toStartWith("contacts:fly ");
  });
});

test("only admins keep what they need to undo changes", () => {
  const after = [
    wanted("roles:update", "none"),
    wanted("users:read", "own"),
    wanted("audit:read", "all"),
    wanted("contacts:read", "none"),
  ];
  expect(lockedOut("admin", after)).toEqual(["roles:update", "users:read"]);
  expect(lockedOut("manager", after)).toEqual([]);
});

test("nobody but an admin deals with more than they have", () => {
  const permissions = new Map([
    ["contacts:read", "all"],
    ["contacts:update", "own"],
  ] as const);
  const dealtWith = [
    wanted("contacts:read", "own"),
    wanted("contacts:update", "own"),
    wanted("contacts:update", "all"),
    wanted("contacts:delete", "none"),
    wanted("contacts:delete", "own"),
  ];
  expect(beyond({ role: "manager", permissions }, dealtWith)).toEqual([
    "contacts:update",
    "contacts:delete",
  ]);
  expect(beyond({ role: "admin", permissions }, dealtWith)).toEqual([]);
});

import {
  checkPermission,
  getRolePermissions,
  listRoles,
  setRolePermissions,
} from "../../../tools/testing/api/users.ts";
import {
  type Case,
  describeForEveryClient,
  forbidden,
  invalid,
  notFound,
  testCases,
  type World,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";
import type { Role } from "./schema.ts";

const refusals: readonly Case[] = [
  ...(["manager", "sales", "marketing"] as const).flatMap((as): Case[] => [
    {
      name: `${as} may not list roles`,
      as,
      operation: listRoles,
      input: {},
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not look at a role's permissions`,
      as,
      operation: getRolePermissions,
      input: { role: as },
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not change a role's permissions`,
      as,
      operation: setRolePermissions,
      input: { role: as, permissions: [{ resource: "users", action: "delete", scope: "all" }] },
      expected: { refusal: forbidden },
    },
  ]),
  {
    name: "permissions that there are not are refused by name",
    operation: setRolePermissions,
    input: {
      role: "sales",
      permissions: [
        { resource: "contacts", action: "read", scope: "all" },
        { resource: "contacts", action: "fly", scope: "all" },
        { resource: "unicorns", action: "read", scope: "own" },
        { resource: "contacts", action: "read", scope: "own" },
        { resource: "tenant", action: "update", scope: "own" },
      ],
    },
    expected: {
      refusal: invalid(
        "permissions[1] unknown_permission",
        "permissions[2] unknown_permission",
        "permissions[3] duplicate",
        "permissions[4] ownerless",
      ),
    },
  },
  {
    name: "a scope that there is not is refused",
    operation: setRolePermissions,
    input: {
      role: "sales",
      permissions: [{ resource: "contacts", action: "read", scope: "some" }],
    },
    expected: { refusal: invalid("permissions[0].scope invalid_value") },
  },
  ...["tenant", "roles", "users", "audit", "apiKeys"].flatMap((resource) =>
    (["none", "own"] as const)
      .filter((scope) => scope === "none" || !["tenant", "roles"].includes(resource))
      .map(
        (scope): Case => ({
          name: `admins cannot be left with ${scope} of ${resource}:read`,
          operation: setRolePermissions,
          input: async (world) => ({
            role: "admin",
            permissions: await changed(world, "admin", { [`${resource}:read`]: scope }),
          }),
          expected: { refusal: { kind: "wrongState", code: "would_lock_out" } },
        }),
      ),
  ),
  {
    name: "admins cannot be left with nothing",
    operation: setRolePermissions,
    input: { role: "admin", permissions: [] },
    expected: { refusal: { kind: "wrongState", code: "would_lock_out" } },
  },
  {
    name: "a check tells a permission that a role has by default",
    as: "sales",
    operation: checkPermission,
    input: { resource: "leads", action: "update" },
    expected: { value: { allowed: true, scope: "own", reason: "default" } },
  },
  {
    name: "a check tells that there is no rule, also for what there is not",
    as: "sales",
    operation: checkPermission,
    input: { resource: "contacts", action: "fly" },
    expected: { value: { allowed: false, scope: null, reason: "no_rule" } },
  },
  {
    name: "a check of a user of another tenant's finds nobody",
    operation: checkPermission,
    input: async (world) => ({
      userId: (await world.sessionOf("stranger")).user.id,
      resource: "contacts",
      action: "read",
    }),
    expected: { refusal: notFound },
  },
  {
    name: "a check asks for a resource and an action",
    operation: checkPermission,
    input: {},
    expected: { refusal: invalid("resource required", "action required") },
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => testCases(world, refusals));

/** A role's permissions as they are, but for some, as a list to be set. */
async function changed(
  world: World,
  role: Role,
  changes: Readonly<Record<string, string>>,
): Promise<{ resource: string; action: string; scope: string }[]> {
  const { permissions } = await world.get(getRolePermissions, { role });
  return permissions.map(({ resource, action, scope }) => ({
    resource,
    action,
    scope: changes[`${resource}:${action}`] ?? scope,
  }));
}

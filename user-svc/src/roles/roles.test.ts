import { expect, test } from "bun:test";
import { createContact, deleteContact, listContacts } from "../../../tools/testing/api/contacts.ts";
import {
  assignRole,
  checkPermission,
  createUser,
  deleteUser,
  getRolePermissions,
  getUser,
  getUserPermissions,
  listRoles,
  listUsers,
  resetUserPassword,
  setRolePermissions,
  updateUser,
  validateToken,
} from "../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  forbidden,
  notFound,
  type World,
} from "../../../tools/testing/cases.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";
import type { Role, Rule } from "./schema.ts";

/** What the contract promises for changes of permissions, pushed to crm-svc. */
const HEARD_WITHIN_MS = 1_000;

const ROLES = ["admin", "manager", "sales", "marketing"] as const;
const stale = { kind: "stale", code: "version_mismatch" } as const;
const exceedsOwnRole = { kind: "forbidden", code: "exceeds_own_role" } as const;

const services = await startServices();

await describeForEveryClient(services, (world) => {
  test("a role's permissions are all that there are, by default those of the contract", async () => {
    const { items } = await world.get(listRoles, {});
    expect(items.map(({ role }) => role)).toEqual([...ROLES]);
    for (const { role, permissions: held } of items) {
      const { permissions: all } = await world.get(getRolePermissions, { role });
      expect(all.every(({ source }) => source === "default")).toBe(true);
      expect(held).toEqual(all.filter(({ scope }) => scope !== "none"));
      if (world.client.kind === "REST") continue;
      const { user } = await world.sessionOf(role);
      const { permissions } = await world.get(getUserPermissions, { userId: user.id });
      expect(held.map(({ source, ...permission }) => permission)).toEqual(permissions);
    }
    expect(items[0]?.permissions.every(({ scope }) => scope === "all")).toBe(true);
  });

  test("a change is in force at once in user-svc, and soon in crm-svc", async () => {
    const { tenant } = world;
    const { accessToken: token } = await tenant.addUser("sales");
    const owned = await world.get(createContact, { contact: { lastName: "Own" } }, { token });
    const other = await world.get(createContact, { contact: { lastName: "Other" } });
    const deletion = await world.call(deleteContact, { id: owned.id }, { token });
    expectRefusal(world, deletion, forbidden);

    await set(world, "sales", { "contacts:delete": "own", "contacts:update": "none" });
    expect(await check(world, token, "contacts", "delete")).toEqual({
      allowed: true,
      scope: "own",
      reason: "override",
    });
    await eventually(
      async () => (await world.call(deleteContact, { id: owned.id }, { token })).ok,
      HEARD_WITHIN_MS,
    );
    expectRefusal(world, await world.call(deleteContact, { id: other.id }, { token }), notFound);
    expect(await check(world, token, "contacts", "update")).toEqual({
      allowed: false,
      scope: null,
      reason: "override",
    });

    await set(world, "sales", { "contacts:read": "none" });
    await eventually(
      async () => !(await world.call(listContacts, {}, { token })).ok,
      HEARD_WITHIN_MS,
    );
    expectRefusal(world, await world.call(listContacts, {}, { token }), forbidden);

    const defaults = {
      "contacts:read": "all",
      "contacts:delete": "none",
      "contacts:update": "all",
    };
    const restored = await set(world, "sales", defaults);
    expect(restored.permissions.filter(({ source }) => source === "override")).toEqual([]);
    await eventually(
      async () => (await world.call(listContacts, {}, { token })).ok,
      HEARD_WITHIN_MS,
    );
  });

  test("a change is of one tenant and one role", async () => {
    const before = await world.get(getRolePermissions, { role: "manager" });
    const others = await world.get(getRolePermissions, { role: "marketing" }, { as: "stranger" });
    await set(world, "marketing", { "reports:read": "none" });
    expect(await world.get(getRolePermissions, { role: "manager" })).toEqual(before);
    expect(await world.get(getRolePermissions, { role: "marketing" }, { as: "stranger" })).toEqual(
      others,
    );
    await set(world, "marketing", { "reports:read": "all" });
  });

  test("with users:read of one's own, others are not there", async () => {
    const { user } = await world.sessionOf("marketing");
    await set(world, "marketing", { "users:read": "own" });
    const as = { as: "marketing" } as const;
    const { items } = await world.get(listUsers, {}, as);
    expect(items.map(({ id }) => id)).toEqual([user.id]);
    const { id } = world.tenant.admin.user;
    for (const outcome of [
      await world.call(getUser, { id }, as),
      ...(world.client.kind === "RPC"
        ? [await world.call(getUserPermissions, { userId: id }, as)]
        : []),
      await world.call(checkPermission, { userId: id, resource: "users", action: "read" }, as),
    ]) {
      expectRefusal(world, outcome, notFound);
    }
    await set(world, "marketing", { "users:read": "none" });
    expectRefusal(world, await world.call(getUser, { id }, as), forbidden);
    expect((await world.get(getUser, {}, as)).id).toBe(user.id);
    await set(world, "marketing", { "users:read": "all" });
  });

  test("who may deal with users and roles deals with no more than the own role", async () => {
    await set(world, "manager", {
      "users:create": "all",
      "users:update": "all",
      "users:delete": "all",
      "roles:read": "all",
      "roles:update": "all",
    });
    const as = { as: "manager" } as const;
    const { user: self } = await world.sessionOf("manager");
    const { user: sales } = await world.tenant.addUser("sales");
    const { user: admin } = world.tenant.admin;
    const person = { email: `p-${Bun.randomUUIDv7()}@company.example`, fullName: "P" };
    for (const outcome of [
      await world.call(createUser, { ...person, role: "admin" }, as),
      await world.call(assignRole, { id: self.id, role: "admin" }, as),
      await world.call(assignRole, { id: admin.id, role: "sales" }, as),
      await world.call(updateUser, { id: admin.id, email: "mine@company.example" }, as),
      await world.call(resetUserPassword, { id: admin.id }, as),
      await world.call(deleteUser, { id: admin.id }, as),
      await world.call(
        setRolePermissions,
        {
          role: "manager",
          permissions: await changed(world, "manager", { "apiKeys:create": "all" }),
        },
        as,
      ),
      await world.call(
        setRolePermissions,
        { role: "admin", permissions: await changed(world, "admin", { "apiKeys:create": "own" }) },
        as,
      ),
    ]) {
      expectRefusal(world, outcome, exceedsOwnRole);
    }
    await world.get(createUser, { ...person, role: "sales" }, as);
    await world.get(assignRole, { id: sales.id, role: "marketing" }, as);
    await world.get(deleteUser, { id: sales.id }, as);
    expect(await checkOf(world, sales.id)).toEqual({
      allowed: false,
      scope: null,
      reason: "user_disabled",
    });
  });

  test("a change on a version that is not current is refused", async () => {
    const role = "manager";
    const { version, ...before } = await world.get(getRolePermissions, { role });
    const { items } = await world.get(listRoles, {});
    expect(items.find((item) => item.role === role)?.version).toBe(version);
    const permissions = await changed(world, role, { "users:read": "none" });
    const change = { role, permissions, expectedVersion: version };
    const after = await world.get(setRolePermissions, change);
    expect(after.version).toBe(version + 1);
    expectRefusal(world, await world.call(setRolePermissions, change), stale);
    // Nothing changes, so the version stays; and of another role it is another one.
    const same = { ...change, expectedVersion: after.version };
    expect(await world.get(setRolePermissions, same)).toEqual(after);
    const atOnce = { ...before, permissions: before.permissions.map(wanted) };
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () =>
        world.call(setRolePermissions, { ...atOnce, expectedVersion: after.version }),
      ),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    for (const outcome of outcomes) if (!outcome.ok) expectRefusal(world, outcome, stale);
    const now = await world.get(getRolePermissions, { role });
    expect(now).toEqual({ ...before, version: version + 2 });
  });

  test("of two changes of one role at once, one is made whole", async () => {
    const one = await changed(world, "sales", {
      "contacts:delete": "all",
      "contacts:merge": "all",
    });
    const two = await changed(world, "sales", {
      "contacts:export": "all",
      "contacts:import": "own",
    });
    const results = await Promise.all(
      [one, two].map((permissions) =>
        world.get(setRolePermissions, { role: "sales", permissions }),
      ),
    );
    const now = await world.get(getRolePermissions, { role: "sales" });
    expect(results).toContainEqual(now);
    expect(results.map(({ version }) => version).toSorted()).toEqual([
      now.version - 1,
      now.version,
    ]);
    await set(world, "sales", {
      "contacts:delete": "none",
      "contacts:merge": "none",
      "contacts:export": "none",
      "contacts:import": "none",
    });
  });

  if (world.client.kind === "RPC") {
    test("peers are told what a tenant has changed", async () => {
      const { accessToken: token } = await world.tenant.addUser("marketing");
      const scopeNow = async () => {
        const { permissions } = await world.get(validateToken, { token }, { as: "nobody" });
        return permissions.find(
          ({ resource, action }) => `${resource}:${action}` === "contacts:merge",
        )?.scope;
      };
      // At once, however often it has been asked: what is remembered is of one version of the rules.
      for (const scope of ["own", "all"] as const) {
        await set(world, "marketing", { "contacts:merge": scope });
        expect(await scopeNow()).toBe(scope);
        expect(await scopeNow()).toBe(scope);
      }
      await set(world, "marketing", { "contacts:merge": "none" });
      expect(await scopeNow()).toBeUndefined();
    });
  }
});

/** A role's permissions as they are, but for some, as a list to be set. */
async function changed(
  world: World,
  role: Role,
  changes: Readonly<Record<string, string>>,
): Promise<{ resource: string; action: string; scope: string }[]> {
  const { permissions } = await world.get(getRolePermissions, { role });
  return permissions.map(wanted).map((permission) => ({
    ...permission,
    scope: changes[`${permission.resource}:${permission.action}`] ?? permission.scope,
  }));
}

function wanted({ resource, action, scope }: Rule) {
  return { resource, action, scope };
}

async function set(world: World, role: Role, changes: Readonly<Record<string, string>>) {
  const permissions = await changed(world, role, changes);
  return world.get(setRolePermissions, { role, permissions });
}

function check(world: World, token: string, resource: string, action: string) {
  return world.get(checkPermission, { resource, action }, { token });
}

function checkOf(world: World, userId: string) {
  return world.get(checkPermission, { userId, resource: "contacts", action: "read" });
}

import { expect, test } from "bun:test";
import { decodeJwt } from "jose";
import { logout } from "../../../tools/testing/api/auth.ts";
import { getUserPermissions, validateToken } from "../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  invalid,
  notFound,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { type Role, startServices } from "../../../tools/testing/services.ts";
import type { Permission } from "../roles/schema.ts";

const ROLES = ["admin", "manager", "sales", "marketing"] as const satisfies readonly Role[];

/**
 * The default matrix of the contract: by resource and action, what each of ROLES may do it to.
 * A for all rows, o for one's own, a dash for none.
 */
const MATRIX = {
  tenant: { read: "AAAA", update: "A---" },
  users: { create: "A---", read: "AAAA", update: "A---", delete: "A---" },
  roles: { read: "A---", update: "A---" },
  apiKeys: { create: "A---", read: "A---", delete: "A---" },
  audit: { read: "A---" },
  contacts: {
    create: "AAAA",
    read: "AAAA",
    update: "AAAA",
    delete: "AA--",
    import: "AA-A",
    export: "AA-A",
    merge: "AA--",
    configure: "AA--",
  },
  interactions: {
    create: "AAAA",
    read: "AAAA",
    update: "AAoo",
    delete: "AA--",
    review: "AA--",
  },
  leads: {
    create: "AAAA",
    read: "AAAA",
    update: "AAo-",
    transition: "AAo-",
    convert: "AAo-",
    delete: "AA--",
    configure: "AA--",
  },
  customers: { read: "AAAA", update: "AA--" },
  reports: { read: "AAoA" },
};

function permissionsOf(role: Role): Permission[] {
  const column = ROLES.indexOf(role);
  return Object.entries(MATRIX)
    .flatMap(([resource, actions]) =>
      Object.entries(actions).map(([action, scopes]) => ({
        resource,
        action,
        letter: scopes[column],
      })),
    )
    .filter(({ letter }) => letter !== "-")
    .map(({ letter, ...rest }) => ({ ...rest, scope: letter === "A" ? "all" : "own" }) as const)
    .sort(byName);
}

function byName(a: Permission, b: Permission): number {
  return `${a.resource}:${a.action}` < `${b.resource}:${b.action}` ? -1 : 1;
}

const services = await startServices();

await describeForEveryClient(
  services,
  (world) => {
    for (const role of ROLES) {
      test(`the role ${role} may do what the contract says`, async () => {
        const { user, accessToken: token } = await world.sessionOf(role);
        const permissions = permissionsOf(role);
        const asked = await world.get(getUserPermissions, { userId: user.id }, { as: role });
        expect(asked.role).toBe(role);
        expect(asked.permissions.toSorted(byName)).toEqual(permissions);
        const valid = await world.get(validateToken, { token }, { as: "nobody" });
        expect(valid.permissions.toSorted(byName)).toEqual(permissions);
      });
    }

    test("a token stands for its user, tenant and session, until it expires", async () => {
      const { user, tenant, accessToken: token } = await world.sessionOf("sales");
      const valid = await world.get(validateToken, { token }, { as: "nobody" });
      expect(valid).toMatchObject({
        kind: "user",
        userId: user.id,
        tenantId: tenant.id,
        role: "sales",
      });
      expect(decodeJwt(token)).toMatchObject({
        sub: user.id,
        tid: tenant.id,
        sid: valid.sessionId,
        exp: Date.parse(valid.expiresAt ?? "") / 1_000,
      });
    });

    test("a token of a session that has ended is revoked", async () => {
      const { accessToken: token } = await world.tenant.addUser("sales");
      await world.get(logout, {}, { token });
      const outcome = await world.call(validateToken, { token }, { as: "nobody" });
      expectRefusal(world, outcome, { kind: "unauthenticated", code: "revoked" });
    });

    testCases(world, [
      {
        name: "no token at all is malformed",
        as: "nobody",
        operation: validateToken,
        input: {},
        expected: { refusal: { kind: "unauthenticated", code: "malformed" } },
      },
      {
        name: "a user of another tenant's is asked for as one that is not there",
        operation: getUserPermissions,
        input: async () => ({ userId: (await world.sessionOf("stranger")).user.id }),
        expected: { refusal: notFound },
      },
      {
        name: "a user who is not there has no permissions",
        operation: getUserPermissions,
        input: { userId: Bun.randomUUIDv7() },
        expected: { refusal: notFound },
      },
      {
        name: "an id that is no UUID cannot be asked for",
        operation: getUserPermissions,
        input: { userId: "1 or 1=1" },
        expected: { refusal: invalid("userId invalid_format") },
      },
      {
        name: "permissions are told to users only",
        as: "nobody",
        operation: getUserPermissions,
        input: async () => ({ userId: world.tenant.admin.user.id }),
        expected: { refusal: unauthenticated },
      },
    ]);
  },
  "RPC",
);

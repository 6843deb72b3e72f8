import { Failure, invalid, notFound, stale } from "@crm/platform/errors";
import { announceRevocation } from "@crm/platform/revocation";
import type { Kysely } from "kysely";
import { securityEvent } from "../security/events.ts";
import { read, write } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { lockTenant } from "../tenant/queries.ts";
import { findUser } from "../users/queries.ts";
import { refuseToRead } from "../users/reach.ts";
import { refuseBeyond } from "./grants.ts";
import * as queries from "./queries.ts";
import { lockedOut, planRules, wantedFaults } from "./rules.ts";
import {
  type CheckResult,
  checkInput,
  checkResult,
  listRolesInput,
  type Role,
  type RolePermissions,
  roleList,
  rolePermissions,
  rolePermissionsInput,
  role as roles,
  setPermissionsInput,
  userPermissions,
  userPermissionsInput,
  type WeighedRule,
} from "./schema.ts";

/** All roles and what they may do in the tenant. */
export const listRoles = read({
  name: "roles.list",
  access: "roles:read",
  input: listRolesInput,
  output: roleList,
  async run({ db, actor }) {
    const items = await Promise.all(
      roles.options.map(async (role) => {
        const { permissions, version } = await current(db, actor.tenantId, role);
        return { role, permissions: permissions.filter(({ scope }) => scope !== "none"), version };
      }),
    );
    return { items };
  },
});

/** Every permission that there is, and what a role has of it. */
export const getRolePermissions = read({
  name: "roles.getPermissions",
  access: "roles:read",
  input: rolePermissionsInput,
  output: rolePermissions,
  run: ({ db, actor }, { role }) => current(db, actor.tenantId, role),
});

/**
 * Sets all that a role may do. Throws `invalid` for what is no permission, `stale` for a version that
 * is not current, `wrongState` if no admin could undo it, and `forbidden` for what is beyond the
 * caller's own permissions.
 */
export const setRolePermissions = write({
  name: "roles.setPermissions",
  access: "roles:update",
  input: setPermissionsInput,
  output: rolePermissions,
  async run({ context, db, actor }, { role, permissions: wanted, expectedVersion }) {
    const { tenantId } = actor;
    // Else two changes at once would each drop what the other has set.
    await lockTenant(db, tenantId);
    const version = await queries.findVersion(db, tenantId, role);
    if (expectedVersion !== undefined && expectedVersion !== version) throw stale(version);
    const rules = await queries.findRules(db, tenantId, role);
    const faults = wantedFaults(rules, wanted);
    if (faults.length > 0) throw invalid(faults);
    const { overrides, before, after } = planRules(rules, wanted);
    if (after.length === 0)
      return { output: { role, permissions: told(rules), version }, audit: [] };
    refuseBeyond(actor, [...before, ...after]);
    const lost = lockedOut(role, after);
    if (lost.length > 0) {
      throw new Failure(
        "wrongState",
        "would_lock_out",
        `Admins must keep ${lost.join(", ")}, for all: nobody could give it back to them.`,
        { facts: { permissions: lost } },
      );
    }
    await queries.replaceOverrides(db, tenantId, role, overrides);
    const changed = after.map(({ resource, action, scope }) => `${resource}:${action}=${scope}`);
    return {
      output: await current(db, tenantId, role),
      audit: {
        entity: "role",
        // Roles are the tenant's and have no id of their own.
        entityId: tenantId,
        action: "permissions_changed",
        before: { role, permissions: before },
        after: { role, permissions: after },
      },
      events: [securityEvent("permissions_changed", { details: { role, changed } })],
      afterCommit: () => announceRevocation(context.services.keyValue, { tenantId }),
    };
  },
});

/** What a user's role may do. Of others than oneself only with users:read. */
export const getUserPermissions = read({
  name: "users.getPermissions",
  access: "signedIn",
  input: userPermissionsInput,
  output: userPermissions,
  async run({ db, actor }, { userId }) {
    refuseToRead(actor, userId);
    const { tenantId } = actor;
    const found = await findUser(db, { tenantId, onlyUser: null }, userId);
    if (found === null) throw notFound("user");
    const { role } = found;
    return { role, permissions: await queries.findPermissions(db, tenantId, role) };
  },
});

/** Whether somebody may do something, and which rule decided. Of others only with users:read. */
export const checkPermission = read({
  name: "permissions.check",
  access: "signedIn",
  input: checkInput,
  output: checkResult,
  async run({ db, actor }, { userId = actor.userId, ...permission }) {
    refuseToRead(actor, userId);
    // The caller is active, and may be an API key, which has a role but is no user.
    const own = { role: actor.role, status: "active" };
    const subject =
      userId === actor.userId
        ? own
        : await findUser(db, { tenantId: actor.tenantId, onlyUser: null }, userId);
    if (subject === null) throw notFound("user");
    if (subject.status === "disabled") return refused("user_disabled");
    const rule = await queries.findRule(db, actor.tenantId, subject.role, permission);
    if (rule === null) return refused("no_rule");
    const { scope, source } = rule;
    return scope === "none" ? refused(source) : { allowed: true, scope, reason: source };
  },
});

function refused(reason: CheckResult["reason"]): CheckResult {
  return { allowed: false, scope: null, reason };
}

/** The version is read first, so it is never newer than what is told with it. */
async function current(db: Kysely<DB>, tenantId: string, role: Role): Promise<RolePermissions> {
  const version = await queries.findVersion(db, tenantId, role);
  return { role, permissions: told(await queries.findRules(db, tenantId, role)), version };
}

function told(rules: readonly WeighedRule[]) {
  return rules.map(({ resource, action, scope, source }) => ({ resource, action, scope, source }));
}

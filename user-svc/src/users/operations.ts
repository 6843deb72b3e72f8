import type { Actor } from "@crm/platform/context";
import { Failure, notFound } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { announceRevocation } from "@crm/platform/revocation";
import { z } from "zod";
import { voidPassword } from "../auth/passwords/queries.ts";
import { assertStrongPassword } from "../auth/passwords/strength.ts";
import { endSessionsOf } from "../auth/sessions/queries.ts";
import { refuseHigherRole } from "../roles/grants.ts";
import { securityEvent } from "../security/events.ts";
import { read, write } from "../services.ts";
import { findTenant, lockTenant } from "../tenant/queries.ts";
import { changeUser, issueOneTimeToken, lockForChange, refuseTakenEmail } from "./changes.ts";
import * as queries from "./queries.ts";
import { refuseToRead } from "./reach.ts";
import { nextStatus, valuesOf } from "./rules.ts";
import {
  assignRoleInput,
  createdUser,
  createUserInput,
  disableUserInput,
  getUserInput,
  listUsersInput,
  resetPasswordInput,
  resetToken,
  updateUserInput,
  user,
  userPage,
} from "./schema.ts";

/**
 * Adds a user: with a password, or invited. Throws `duplicate` if the e-mail address is taken, and
 * `forbidden` for a role that may do more than the caller.
 */
export const createUser = write({
  name: "users.create",
  access: "users:create",
  input: createUserInput,
  output: createdUser,
  secretOutput: true,
  async prepare({ context, actor: { tenantId } }, { password, email, fullName }) {
    if (password === undefined) return null;
    const { database, passwords } = context.services;
    const { name, slug } = await findTenant(database.reader({ ...context, tenantId }), tenantId);
    await assertStrongPassword(password, [email, fullName, name, slug]);
    return passwords.hash(password);
  },
  async run(scope, { email, fullName, role }, passwordHash) {
    const { db, actor } = scope;
    await refuseHigherRole(db, actor, role);
    const id = Bun.randomUUIDv7();
    const added = await queries
      .insertUser(db, actor.tenantId, { id, email, fullName, role, passwordHash })
      .catch((error: unknown) => refuseTakenEmail(error, email));
    const invitation =
      passwordHash === null ? await issueOneTimeToken(scope, added, "invitation") : null;
    return {
      output: { ...added, invitationToken: invitation?.token ?? null },
      audit: { entity: "user", entityId: id, action: "created", before: null, after: added },
      events: [
        securityEvent("user_created", { userId: id, details: { role } }),
        ...(invitation === null ? [] : [securityEvent("invitation_issued", { userId: id })]),
      ],
      ...(invitation !== null && { afterCommit: invitation.mail }),
    };
  },
});

/** One user, or oneself. Of others only with users:read. */
export const getUser = read({
  name: "users.get",
  access: "signedIn",
  input: getUserInput,
  output: user,
  async run({ db, actor }, { id = actor.userId }) {
    refuseToRead(actor, id);
    const found = await queries.findUser(db, wholeTenant(actor), id);
    if (found === null) throw notFound("user");
    return found;
  },
});

const listPosition = z.tuple([z.string(), z.string()]);

/** The tenant's users, newest first. */
export const listUsers = read({
  name: "users.list",
  access: "users:read",
  input: listUsersInput,
  output: userPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor, ...filter }) {
    const { cursors } = context.services;
    const reach = { tenantId: actor.tenantId, onlyUser: ownerOnly };
    const list = ["users.list", reach, filter];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { createdAt: position[0], id: position[1] };
    const rows = await queries.listUsers(db, reach, filter, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.createdAt, last.id]));
  },
});

/**
 * Changes some fields of a user. Throws `notFound`, `stale`, `duplicate` if the e-mail address is taken,
 * `wrongState` for the last active admin, and `forbidden` for a user whose role may do more.
 */
export const updateUser = write({
  name: "users.update",
  access: "users:update",
  input: updateUserInput,
  output: user,
  async run(scope, { id, expectedVersion, status: wanted, ...patch }) {
    if (wanted !== undefined) await lockTenant(scope.db, scope.actor.tenantId);
    const { user: before, hasPassword } = await lockForChange(scope, id, expectedVersion);
    const status = nextStatus(before, wanted, hasPassword);
    if (status === null) {
      throw new Failure(
        "wrongState",
        "invitation_open",
        "Only the invited person can become active, by accepting the invitation.",
      );
    }
    const { fullName = before.fullName, email = before.email } = patch;
    return changeUser(scope, before, { ...valuesOf(before), fullName, email, status });
  },
});

/** Disables a user; nothing is lost. Throws as updateUser does. */
export const disableUser = write({
  name: "users.disable",
  access: "users:delete",
  input: disableUserInput,
  output: z.void(),
  async run(scope, { id, expectedVersion }) {
    await lockTenant(scope.db, scope.actor.tenantId);
    const { user: before } = await lockForChange(scope, id, expectedVersion);
    const change = await changeUser(scope, before, { ...valuesOf(before), status: "disabled" });
    return { ...change, output: undefined };
  },
});

/** Gives a user another role. Throws as updateUser does. */
export const assignRole = write({
  name: "users.assignRole",
  access: "users:update",
  input: assignRoleInput,
  output: user,
  async run(scope, { id, role, expectedVersion }) {
    await lockTenant(scope.db, scope.actor.tenantId);
    const { user: before } = await lockForChange(scope, id, expectedVersion);
    await refuseHigherRole(scope.db, scope.actor, role);
    return changeUser(scope, before, { ...valuesOf(before), role });
  },
});

/**
 * Makes a token with which the user can set a new password. The former one, which somebody else may know, is void
 * from now on, and all sessions end. Throws `wrongState` for a disabled user.
 */
export const resetUserPassword = write({
  name: "users.resetPassword",
  access: "users:update",
  input: resetPasswordInput,
  output: resetToken,
  secretOutput: true,
  async run(scope, { id }) {
    const { user: target } = await lockForChange(scope, id);
    if (target.status === "disabled") {
      throw new Failure(
        "wrongState",
        "user_disabled",
        "The user is disabled: set the status to active first.",
      );
    }
    const { context, db, actor } = scope;
    const { tenantId } = actor;
    await voidPassword(db, tenantId, id);
    await endSessionsOf(db, tenantId, id, "password_reset");
    const { token, expiresAt, mail } = await issueOneTimeToken(scope, target, "password_reset");
    return {
      output: { resetToken: token },
      audit: {
        entity: "user",
        entityId: id,
        action: "password_reset_issued",
        before: null,
        after: { expiresAt: expiresAt.toISOString() },
      },
      events: [securityEvent("password_reset_issued", { userId: id })],
      async afterCommit() {
        await announceRevocation(context.services.keyValue, { tenantId, userId: id });
        await mail();
      },
    };
  },
});

function wholeTenant({ tenantId }: Actor): queries.Reach {
  return { tenantId, onlyUser: null };
}

import { changedFields } from "@crm/platform/audit";
import type { Change } from "@crm/platform/change";
import { violatedConstraint } from "@crm/platform/database-errors";
import { Failure, notFound, stale } from "@crm/platform/errors";
import type { OperationScope } from "@crm/platform/operation";
import { announceRevocation } from "@crm/platform/revocation";
import { hashToken, newOpaqueToken } from "../auth/opaque-tokens.ts";
import { retireOneTimeTokens } from "../auth/passwords/queries.ts";
import { endSessionsOf } from "../auth/sessions/queries.ts";
import { refuseHigherRole } from "../roles/grants.ts";
import { securityEvent } from "../security/events.ts";
import type { UserServices } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { findTenant } from "../tenant/queries.ts";
import * as queries from "./queries.ts";
import { changeName, isActiveAdmin, valuesOf } from "./rules.ts";
import type { User, UserValues } from "./schema.ts";

type Scope = OperationScope<UserServices, DB>;

const HOUR_MS = 3_600_000;
const LIFETIME_MS = { invitation: 72 * HOUR_MS, password_reset: HOUR_MS } as const;

/**
 * The user to be changed, locked. Throws `notFound`, `stale`, and `forbidden` for a user whose role
 * may do more than the caller.
 */
export async function lockForChange(
  { db, actor, ownerOnly }: Scope,
  id: string,
  expectedVersion?: number,
): Promise<queries.LockedUser> {
  const reach = { tenantId: actor.tenantId, onlyUser: ownerOnly };
  const locked = await queries.lockUser(db, reach, id);
  if (locked === null) throw notFound("user");
  const { version, role } = locked.user;
  if (expectedVersion !== undefined && expectedVersion !== version) throw stale(version);
  await refuseHigherRole(db, actor, role);
  return locked;
}

/**
 * Gives a locked user other values, with all that follows from it: whoever is disabled or gets another
 * role is signed out everywhere. What was sent to them is void then, or if it went to a former address: who
 * has issued it for a seller shall not become an admin with it.
 * The tenant must be locked if the role or the status may change.
 *
 * Throws `wrongState` for the last active admin, and `duplicate` if the e-mail address is taken.
 */
export async function changeUser(
  { context, db, actor }: Scope,
  before: User,
  values: UserValues,
): Promise<Change<User>> {
  const { tenantId } = actor;
  const { id } = before;
  const changed = changedFields(valuesOf(before), values);
  if (changed === null) return { output: before, audit: [] };
  if (isActiveAdmin(before) && !isActiveAdmin({ ...before, ...values })) {
    await refuseLastAdmin(db, tenantId, id);
  }
  const after = await queries
    .updateUser(db, tenantId, id, values)
    .catch((error: unknown) => refuseTakenEmail(error, values.email));
  const { role, status, email } = changed.after;
  const signedOut = status === "disabled" || role !== undefined;
  if (signedOut) {
    const reason = status === "disabled" ? "user_disabled" : "role_changed";
    await endSessionsOf(db, tenantId, id, reason);
  }
  if (signedOut || email !== undefined) {
    await retireOneTimeTokens(db, tenantId, id);
  }
  return {
    output: after,
    audit: { entity: "user", entityId: id, action: changeName(before, values), ...changed },
    events: [
      ...(status === undefined
        ? []
        : [
            securityEvent(status === "disabled" ? "user_disabled" : "user_enabled", { userId: id }),
          ]),
      ...(role === undefined
        ? []
        : [
            securityEvent("role_changed", { userId: id, details: { from: before.role, to: role } }),
          ]),
    ],
    ...(signedOut && {
      afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, userId: id }),
    }),
  };
}

async function refuseLastAdmin(db: Scope["db"], tenantId: string, userId: string): Promise<void> {
  if (await queries.hasOtherAdmin(db, tenantId, userId)) return;
  throw new Failure(
    "wrongState",
    "last_admin",
    "This is the tenant's last active admin: make somebody else an admin first.",
  );
}

/** Throws `duplicate` if that is what failed, else what was thrown. */
export function refuseTakenEmail(error: unknown, email: string): never {
  if (violatedConstraint(error) !== "users_email_unique") throw error;
  throw new Failure(
    "duplicate",
    "email_taken",
    `There is a user with the e-mail address ${email}: change that one, or take another address.`,
    { fields: [{ path: "email", code: "taken", message: "is taken" }] },
  );
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Date;
  /** Mails it, if there is a mail server: to be done after the commit. */
  readonly mail: () => Promise<void>;
}

/** Makes a one-time token for a user, who then has no other: 72 hours for an invitation, one for a reset. */
export async function issueOneTimeToken(
  { context, db, actor: { tenantId } }: Scope,
  { id: userId, email, fullName }: User,
  purpose: queries.OneTimePurpose,
): Promise<IssuedToken> {
  const { mailer } = context.services;
  const { name: tenantName } = await findTenant(db, tenantId);
  await retireOneTimeTokens(db, tenantId, userId);
  const token = newOpaqueToken(purpose, tenantId);
  const expiresAt = new Date(Date.now() + LIFETIME_MS[purpose]);
  await queries.insertOneTimeToken(db, tenantId, {
    userId,
    purpose,
    hash: hashToken(token),
    expiresAt,
  });
  const to = { userId, email, fullName, tenantName };
  const mail = () =>
    purpose === "invitation" ? mailer.invite(to, token) : mailer.resetPassword(to, token);
  return { token, expiresAt, mail };
}

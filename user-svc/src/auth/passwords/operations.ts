import type { RequestContext } from "@crm/platform/context";
import { Failure, unauthenticated } from "@crm/platform/errors";
import { announceRevocation } from "@crm/platform/revocation";
import { z } from "zod";
import { securityEvent } from "../../security/events.ts";
import { anonymous, type UserServices, write } from "../../services.ts";
import type { OneTimePurpose } from "../../users/queries.ts";
import type { User } from "../../users/schema.ts";
import { checkPasswordOf, credentialsOf } from "../guess.ts";
import { hashToken, tenantOfOpaqueToken } from "../opaque-tokens.ts";
import type { Account } from "../queries.ts";
import { acceptInvitationInput, changePasswordInput, resetPasswordInput } from "../schema.ts";
import { openSession, signed } from "../sessions/open.ts";
import { endSessionsOf } from "../sessions/queries.ts";
import { session } from "../sessions/schema.ts";
import * as queries from "./queries.ts";
import { assertStrongPassword } from "./strength.ts";

type Context = RequestContext<UserServices>;

/**
 * Sets a new password, and ends all other sessions of the user. Throws `unauthenticated` if the
 * current one is wrong, and `invalid` if the new one can be guessed.
 */
export const changePassword = write({
  name: "auth.changePassword",
  access: "session",
  input: changePasswordInput,
  output: z.void(),
  async prepare({ context, actor }, { currentPassword, newPassword }) {
    const credentials = await credentialsOf(context, actor.tenantId, actor);
    if (credentials === null) throw unauthenticated("unknown_user");
    // A wrong password is told by `run`: this may be a repetition, after which the old one is wrong.
    const failure = await checkPasswordOf(context, credentials, currentPassword).catch(asFailure);
    if (failure) return { failure };
    const passwordHash = await strongHash(context, newPassword, credentials, "newPassword");
    return { passwordHash, after: credentials.passwordVersion };
  },
  async run({ context, db, actor }, _input, prepared) {
    if ("failure" in prepared) throw prepared.failure;
    const { tenantId, userId, sessionId } = actor;
    if (!(await queries.replacePassword(db, tenantId, userId, prepared))) {
      throw unauthenticated("changed_meanwhile");
    }
    await endSessionsOf(db, tenantId, userId, "password_changed", sessionId);
    return {
      output: undefined,
      audit: auditOf(userId, "password_changed"),
      events: [securityEvent("password_changed", { userId })],
      afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, userId }),
    };
  },
});

/** Sets the first password of an invited user, by the token of the invitation, and signs the user in. */
export const acceptInvitation = anonymous({
  name: "auth.acceptInvitation",
  limit: "login",
  takesKey: true,
  input: acceptInvitationInput,
  output: session,
  async run({ context, answerOnce }, { token, password, fullName }) {
    const tenantId = tenantOf(token, "invitation");
    const owner = await ownerOf(context, tenantId, token, "invitation").catch(asFailure);
    if (owner instanceof Failure) return answerOnce(tenantId, () => Promise.reject(owner));
    const { user, tenant } = owner;
    const named = { user: { ...user, fullName: fullName ?? user.fullName }, tenant };
    const passwordHash = await strongHash(context, password, named);
    return answerOnce(tenantId, async (db) => {
      const account = await useToken(db, owner, "invitation", {
        passwordHash,
        ...(fullName !== undefined && { fullName }),
      });
      const opened = await openSession(context, db, account);
      const { sessionId } = opened;
      return {
        output: await signed(context, opened),
        actorId: user.id,
        audit: accepted(user, account.user),
        events: [securityEvent("invitation_accepted", { userId: user.id, sessionId })],
      };
    });
  },
});

/** Sets a new password by the token of a reset, and ends all sessions of the user. */
export const resetPassword = anonymous({
  name: "auth.resetPassword",
  limit: "login",
  takesKey: true,
  input: resetPasswordInput,
  output: z.void(),
  async run({ context, answerOnce }, { token, password }) {
    const tenantId = tenantOf(token, "password_reset");
    const owner = await ownerOf(context, tenantId, token, "password_reset").catch(asFailure);
    if (owner instanceof Failure) return answerOnce(tenantId, () => Promise.reject(owner));
    const { user } = owner;
    const passwordHash = await strongHash(context, password, owner);
    const userId = user.id;
    return answerOnce(tenantId, async (db) => {
      const account = await useToken(db, owner, "password_reset", { passwordHash });
      await endSessionsOf(db, tenantId, userId, "password_reset");
      const activated = user.status === "invited";
      return {
        output: undefined,
        actorId: userId,
        audit: activated ? accepted(user, account.user) : auditOf(userId, "password_reset"),
        events: [securityEvent(activated ? "invitation_accepted" : "password_reset", { userId })],
        afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, userId }),
      };
    });
  },
});

interface TokenOwner extends Account {
  readonly tokenHash: Buffer;
}

/** The tenant that a one-time token claims to be of. Throws `unauthenticated` if it is no such token. */
function tenantOf(token: string, purpose: OneTimePurpose): string {
  const tenantId = tenantOfOpaqueToken(purpose, token);
  if (tenantId === null) throw unauthenticated("malformed");
  return tenantId;
}

/**
 * Who may use a one-time token. Throws `unauthenticated`, the same for a token that is used, expired,
 * of another purpose, of a user who is not in the state for it, or none at all. That is to be told
 * under the request's idempotency key: this may be a repetition, before which the token was used.
 */
async function ownerOf(
  { services, deadline }: Context,
  tenantId: string,
  token: string,
  purpose: OneTimePurpose,
): Promise<TokenOwner> {
  const db = services.database.reader({ tenantId, deadline });
  const tokenHash = hashToken(token);
  const account = await queries.findOneTimeToken(db, tenantId, tokenHash, purpose);
  if (account === null) throw unauthenticated("not_good");
  return { ...account, tokenHash };
}

/** Sets the password and takes the token, of which many may come at once: one of them gets through. */
async function useToken(
  db: Parameters<typeof queries.takeOneTimeToken>[0],
  { tenant, user, tokenHash }: TokenOwner,
  purpose: OneTimePurpose,
  changes: Parameters<typeof queries.setPasswordByToken>[4],
): Promise<Account> {
  const account = await queries.setPasswordByToken(db, tenant.id, user.id, purpose, changes);
  const taken = account !== null && (await queries.takeOneTimeToken(db, tenant.id, tokenHash));
  if (!taken) throw unauthenticated("used_meanwhile");
  await queries.retireOneTimeTokens(db, tenant.id, user.id);
  return account;
}

async function strongHash(
  { services }: Context,
  password: string,
  { user, tenant }: Account,
  path?: string,
): Promise<string> {
  await assertStrongPassword(password, [user.email, user.fullName, tenant.name, tenant.slug], path);
  return services.passwords.hash(password);
}

function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure && thrown.code === "unauthenticated") return thrown;
  throw thrown;
}

function accepted(before: User, after: User) {
  return { entity: "user", entityId: before.id, action: "invitation_accepted", before, after };
}

function auditOf(userId: string, action: "password_changed" | "password_reset") {
  const before = { password: "[redacted]" };
  return { entity: "user", entityId: userId, action, before, after: before };
}

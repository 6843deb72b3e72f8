import type { RequestContext } from "@crm/platform/context";
import { violatedConstraint } from "@crm/platform/database-errors";
import { Failure, unauthenticated } from "@crm/platform/errors";
import type { AnonymousScope, EnterTenant } from "@crm/platform/operation";
import { securityEvent } from "../security/events.ts";
import { checkGuess } from "../security/guesses.ts";
import { anonymous, type UserServices } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { insertTenant } from "../tenant/queries.ts";
import { insertUser } from "../users/queries.ts";
import { checkSecretOf, credentialsOf } from "./guess.ts";
import { assertStrongPassword } from "./passwords/strength.ts";
import * as queries from "./queries.ts";
import {
  type CodeStep,
  loginInput,
  type PasswordStep,
  registerInput,
  type Session,
  session,
} from "./schema.ts";
import { readChallenge, secondFactorRequired } from "./second-factor/challenge.ts";
import { takeCode } from "./second-factor/codes.ts";
import { openSession, signed } from "./sessions/open.ts";

type Context = RequestContext<UserServices>;
type Scope = AnonymousScope<UserServices, DB, Session>;

/** Of nobody: what is looked for there is not found, in the same time as elsewhere. */
const NO_TENANT = "00000000-0000-0000-0000-000000000000";

/** A new tenant and its first user, an admin, signed in. Throws `duplicate` if the slug is taken. */
export const register = anonymous({
  name: "auth.register",
  limit: "register",
  takesKey: true,
  input: registerInput,
  output: session,
  async run({ context, answerOnce }, input) {
    const { database, passwords } = context.services;
    const { email, fullName } = input;
    const hints = [email, fullName, input.tenant.name, input.tenant.slug];
    await assertStrongPassword(input.password, hints);
    const passwordHash = await passwords.hash(input.password);
    const newTenantId = Bun.randomUUIDv7();
    return answerOnce(newTenantId, async (db) => {
      const tenant = await insertTenant(db, { id: newTenantId, ...input.tenant });
      const user = await insertUser(db, newTenantId, {
        id: Bun.randomUUIDv7(),
        email,
        fullName,
        role: "admin",
        passwordHash,
      });
      const opened = await openSession(context, db, { user, tenant });
      const { sessionId } = opened;
      return {
        output: await signed(context, opened),
        actorId: user.id,
        events: [securityEvent("registered", { userId: user.id, sessionId })],
        audit: [
          {
            entity: "tenant",
            entityId: newTenantId,
            action: "created",
            before: null,
            after: tenant,
          },
          { entity: "user", entityId: user.id, action: "created", before: null, after: user },
        ],
      };
    }).catch(async (error: unknown) => {
      if (violatedConstraint(error) !== "tenants_slug_key") throw error;
      const { slug } = input.tenant;
      const owner = await queries.findTenantId(database.outsideTenants(context.deadline), slug);
      // Perhaps it was taken by this very request, whose answer is kept with the tenant that it made.
      return answerOnce(owner ?? NO_TENANT, () => {
        throw slugTaken(slug);
      });
    });
  },
});

function slugTaken(slug: string): Failure {
  return new Failure("duplicate", "slug_taken", `The slug ${slug} is taken: choose another one.`, {
    fields: [{ path: "tenant.slug", code: "taken", message: "is taken" }],
  });
}

/**
 * Signs a user in, by password or, in a second step, by a code. Throws `unauthenticated`, the same for
 * whatever did not fit, or `second_factor_required` if the password did and a code is needed.
 *
 * A repeated request must show a password that is still right. A code is good once, and a challenge for
 * five minutes, in which who repeats both gets the same answer.
 */
export const login = anonymous({
  name: "auth.login",
  limit: "login",
  takesKey: true,
  input: loginInput,
  output: session,
  run: (scope, input) =>
    "challenge" in input ? showCode(scope, input) : showPassword(scope, input),
});

async function showPassword(
  { context, enterTenant, answerOnce }: Scope,
  { tenant: slug, email, password }: PasswordStep,
) {
  const { database, encryptionSecret, passwords } = context.services;
  const tenantId = await queries.findTenantId(database.outsideTenants(context.deadline), slug);
  const found = await credentialsOf(context, tenantId ?? NO_TENANT, { email });
  const guess = {
    account: [slug, email],
    knownNetwork: found?.knownNetwork ?? false,
    tenantId,
    userId: found?.user.id,
  };
  const credentials = await checkGuess(context, guess, async () => {
    const matches = await passwords.verify(password, found?.passwordHash ?? null);
    if (tenantId === null) throw unauthenticated("unknown_tenant");
    if (found === null) throw unauthenticated("unknown_user");
    if (!matches) throw unauthenticated("wrong_password");
    if (found.user.status !== "active") throw unauthenticated("not_active");
    if (found.user.totpEnabled) {
      const { user, passwordVersion } = found;
      const challenged = { tenantId, userId: user.id, passwordVersion };
      throw secondFactorRequired(encryptionSecret, challenged, Date.now());
    }
    return found;
  });
  const answer = await answerOnce(credentials.tenant.id, (db) => signIn(context, db, credentials));
  renewHash(context, enterTenant, credentials, password);
  return answer;
}

async function showCode({ context, answerOnce }: Scope, { challenge, code }: CodeStep) {
  const { encryptionSecret } = context.services;
  const challenged = readChallenge(encryptionSecret, challenge, Date.now());
  if (challenged === null) throw unauthenticated("bad_challenge");
  const { tenantId, userId, passwordVersion } = challenged;
  const found = await credentialsOf(context, tenantId, { userId });
  if (found === null) throw unauthenticated("unknown_user");
  return checkSecretOf(context, found, () =>
    answerOnce(tenantId, async (db) => {
      const taken = await takeCode(db, encryptionSecret, { tenantId, userId, code });
      if (taken === null) throw unauthenticated("wrong_code");
      const change = await signIn(context, db, { ...found, passwordVersion });
      const event = securityEvent("recovery_code_used", { userId });
      return taken === "recovery" ? { ...change, events: [...change.events, event] } : change;
    }),
  );
}

/** Opens the session, unless the user was disabled or got another password since that was checked. */
async function signIn(
  context: Context,
  db: Parameters<typeof openSession>[1],
  { user, tenant, passwordVersion }: Omit<queries.Credentials, "passwordHash" | "knownNetwork">,
) {
  if (!(await queries.holdCredentials(db, tenant.id, user.id, passwordVersion))) {
    throw unauthenticated("changed_meanwhile");
  }
  const opened = await openSession(context, db, { user, tenant });
  const event = securityEvent("login_ok", { userId: user.id, sessionId: opened.sessionId });
  return { output: await signed(context, opened), actorId: user.id, audit: [], events: [event] };
}

/** Makes a hash of old as costly as new ones. Nobody waits for it; if it fails, the next login tries. */
function renewHash(
  { log, requestId, services: { passwords } }: Context,
  enterTenant: EnterTenant<DB>,
  { user, tenant, passwordHash: from }: queries.Credentials,
  password: string,
): void {
  if (from === null || !passwords.isOutdated(from)) return;
  const renewed = passwords.hash(password).then((to) =>
    enterTenant(tenant.id, async (db) => {
      await queries.renewPasswordHash(db, tenant.id, user.id, { from, to });
      return { output: undefined, actorId: null, audit: [] };
    }),
  );
  renewed.catch((error: unknown) => {
    log.warn({ event: "password_hash_not_renewed", requestId, userId: user.id, err: error });
  });
}

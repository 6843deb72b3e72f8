import {
  PASSWORD,
  type Session,
  type TestServices,
  type TestTenant,
} from "../../../tools/testing/services.ts";
import { codeAt } from "../auth/second-factor/totp.ts";
import { session as sessionSchema } from "../auth/sessions/schema.ts";
import type { SecurityEventName } from "./event-names.ts";

export interface Answer {
  readonly status: number;
  readonly requestId: string;
  /** Its members, by name. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What an event is expected to say; the request is the one that was answered so. */
export interface Told {
  readonly answer: Answer;
  readonly userId?: string;
  readonly actorId?: string;
  readonly reason?: string;
  readonly details?: object;
  /** Of no tenant that is known to exist: in the log alone. */
  readonly loggedOnly?: true;
}

/** A text of an answer. */
export const textOf = ({ body }: Answer, name: string): string => String(body[name]);

/** The code of a second factor, now or so many steps later. */
export const codeOf = (secret: string, stepsAhead = 0): string =>
  codeAt(secret, Date.now() + stepsAhead * 30_000);

/** Makes happen, in a tenant, what is an event. */
export function openStage(services: TestServices, tenant: TestTenant) {
  const { admin } = tenant;

  async function send(
    method: string,
    path: string,
    { body, token, url = services.userUrl }: { body?: object; token?: string; url?: string } = {},
  ): Promise<Answer> {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer: Answer["body"] = response.status === 204 ? {} : Object(await response.json());
    services.secrets.plant([body, answer]);
    const requestId = response.headers.get("x-request-id") ?? "";
    return { status: response.status, requestId, body: answer };
  }

  const byAdmin = (method: string, path: string, body?: object): Promise<Answer> =>
    send(method, path, { token: admin.accessToken, ...(body && { body }) });

  const signIn = (email: string, password: string): Promise<Answer> =>
    send("POST", "/v1/auth/login", { body: { tenant: tenant.slug, email, password } });

  /** A change by somebody who is signed in, about themselves. */
  async function byUser(
    { user, accessToken }: Session,
    method: string,
    path: string,
    body?: object,
  ): Promise<Told> {
    const answer = await send(method, path, { token: accessToken, ...(body && { body }) });
    return { answer, userId: user.id, actorId: user.id };
  }

  /** A change by the admin about a user. */
  async function aboutUser(userId: string, answer: Promise<Answer>): Promise<Told> {
    return { answer: await answer, userId, actorId: admin.user.id };
  }

  /** A user with a second factor, and what belongs to it. */
  async function withSecondFactor() {
    const session = await tenant.addUser("sales");
    const token = session.accessToken;
    const enrolment = await send("POST", "/v1/auth/totp", { token, body: {} });
    const factorSecret = textOf(enrolment, "secret");
    const body = { code: codeOf(factorSecret) };
    const confirmation = await send("POST", "/v1/auth/totp/confirm", { token, body });
    return { session, factorSecret, confirmation };
  }

  /** How each event comes about. */
  const causes: Readonly<Record<SecurityEventName, () => Promise<Told>>> = {
    async registered() {
      const body = {
        tenant: { name: "Other", slug: "other" },
        email: "nora@other.example",
        password: PASSWORD,
        fullName: "Nora Other",
      };
      const answer = await send("POST", "/v1/auth/register", { body });
      return { answer, userId: sessionSchema.parse(answer.body).user.id };
    },
    async login_ok() {
      const { user } = await tenant.addUser("sales");
      return { answer: await signIn(user.email, PASSWORD), userId: user.id };
    },
    async login_failed() {
      const { user } = await tenant.addUser("sales");
      const answer = await signIn(user.email, "not-the-password");
      return { answer, userId: user.id, reason: "wrong_password" };
    },
    async login_limited() {
      const { user } = await tenant.addUser("sales");
      for (let tries = 0; tries < 5; tries++) await signIn(user.email, "not-the-password");
      return { answer: await signIn(user.email, PASSWORD), userId: user.id };
    },
    async session_ended() {
      const told = await byUser(await tenant.addUser("sales"), "POST", "/v1/auth/logout");
      return { ...told, details: { kind: "logout" } };
    },
    async refresh_reused() {
      const { user, refreshToken } = await tenant.addUser("sales");
      const exchange = (token: string) =>
        send("POST", "/v1/auth/refresh", { body: { refreshToken: token } });
      const successor = textOf(await exchange(refreshToken), "refreshToken");
      await exchange(successor);
      return { answer: await exchange(refreshToken), userId: user.id };
    },
    async refresh_unknown() {
      // The tenant's id, at the beginning, is another one.
      const refreshToken = `crmr_B${admin.refreshToken.slice("crmr_B".length)}`;
      const answer = await send("POST", "/v1/auth/refresh", { body: { refreshToken } });
      return { answer, loggedOnly: true };
    },
    async password_changed() {
      const body = { currentPassword: PASSWORD, newPassword: "copper-violin-meadow-58" };
      return byUser(await tenant.addUser("sales"), "POST", "/v1/auth/password", body);
    },
    async password_reset_issued() {
      const { id } = (await tenant.addUser("sales")).user;
      return aboutUser(id, byAdmin("POST", `/v1/users/${id}/reset-password`));
    },
    async password_reset() {
      const { id } = (await tenant.addUser("sales")).user;
      const issued = await byAdmin("POST", `/v1/users/${id}/reset-password`);
      const body = { token: textOf(issued, "resetToken"), password: "copper-violin-meadow-58" };
      return { answer: await send("POST", "/v1/auth/reset-password", { body }), userId: id };
    },
    async totp_enrolled() {
      const { session, confirmation } = await withSecondFactor();
      return { answer: confirmation, userId: session.user.id, actorId: session.user.id };
    },
    async totp_disabled() {
      const { session } = await withSecondFactor();
      return byUser(session, "DELETE", "/v1/auth/totp", { password: PASSWORD });
    },
    async recovery_code_used() {
      const { session, confirmation } = await withSecondFactor();
      const challenge = textOf(await signIn(session.user.email, PASSWORD), "challenge");
      const [recoveryCode] = Object(confirmation.body["recoveryCodes"]);
      const body = { challenge, code: recoveryCode };
      return { answer: await send("POST", "/v1/auth/login", { body }), userId: session.user.id };
    },
    async invitation_issued() {
      const body = { email: "ivy@company.example", fullName: "Ivy", role: "sales" };
      const answer = await byAdmin("POST", "/v1/users", body);
      return { answer, userId: textOf(answer, "id"), actorId: admin.user.id };
    },
    async invitation_accepted() {
      const invited = { email: "ian@company.example", fullName: "Ian", role: "sales" };
      const invitation = await byAdmin("POST", "/v1/users", invited);
      const body = { token: textOf(invitation, "invitationToken"), password: PASSWORD };
      const answer = await send("POST", "/v1/auth/accept-invitation", { body });
      return { answer, userId: textOf(invitation, "id") };
    },
    async user_created() {
      const body = {
        email: "una@company.example",
        fullName: "Una",
        role: "sales",
        password: PASSWORD,
      };
      const answer = await byAdmin("POST", "/v1/users", body);
      const details = { role: "sales" };
      return { answer, userId: textOf(answer, "id"), actorId: admin.user.id, details };
    },
    async user_disabled() {
      const { id } = (await tenant.addUser("sales")).user;
      return aboutUser(id, byAdmin("DELETE", `/v1/users/${id}`));
    },
    async user_enabled() {
      const { id } = (await tenant.addUser("sales")).user;
      await byAdmin("DELETE", `/v1/users/${id}`);
      return aboutUser(id, byAdmin("PATCH", `/v1/users/${id}`, { status: "active" }));
    },
    async role_changed() {
      const { id } = (await tenant.addUser("sales")).user;
      const told = await aboutUser(id, byAdmin("PUT", `/v1/users/${id}/role`, { role: "manager" }));
      return { ...told, details: { from: "sales", to: "manager" } };
    },
    async permissions_changed() {
      const permissions = [{ resource: "contacts", action: "delete", scope: "own" }];
      const answer = await byAdmin("PUT", "/v1/roles/marketing/permissions", { permissions });
      return { answer, actorId: admin.user.id };
    },
    async tenant_security_changed() {
      const answer = await byAdmin("PATCH", "/v1/tenant", { requireTotp: ["marketing"] });
      return { answer, actorId: admin.user.id };
    },
    async api_key_created() {
      const answer = await byAdmin("POST", "/v1/api-keys", { name: "Mail", role: "sales" });
      return { answer, actorId: admin.user.id };
    },
    async api_key_revoked() {
      const key = await byAdmin("POST", "/v1/api-keys", { name: "Old", role: "sales" });
      const answer = await byAdmin("DELETE", `/v1/api-keys/${textOf(key, "id")}`);
      return { answer, actorId: admin.user.id };
    },
  };

  return { send, byAdmin, signIn, withSecondFactor, causes };
}

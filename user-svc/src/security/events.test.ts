import { afterAll, describe, expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { startRedis } from "../../../tools/local/redis.ts";
import { expectCleanLog } from "../../../tools/testing/cases.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { PASSWORD, startServices } from "../../../tools/testing/services.ts";
import { type Answer, codeOf, openStage, type Told, textOf } from "./events.fixtures.ts";

const redis = await startRedis();
const services = await startServices({
  // A Redis of its own: elsewhere others refresh wrongly from the same address.
  ...(redis !== null && { REDIS_URL: redis.url }),
  LIMIT_LOGIN_PER_ACCOUNT: "5/15m",
  LIMIT_REFRESH_PER_ADDRESS: "3/1h",
});
const tenant = await services.newTenant();
const { admin } = tenant;
const tenantId = admin.tenant.id;
const { send, byAdmin, signIn, withSecondFactor, causes } = openStage(services, tenant);
afterAll(async () => {
  await services.stop();
  await redis?.stop();
});

/** The line of the log that has this event for this request. */
function logged(event: string, { requestId }: Answer) {
  const lines = services.log.map((line) => JSON.parse(line));
  return lines.filter((line) => line.event === event && line.requestId === requestId);
}

async function kept(event: string, { requestId }: Answer): Promise<Record<string, unknown>[]> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query(
      "SELECT * FROM identity.security_events WHERE event = $1 AND request_id = $2",
      [event, requestId],
    );
    return rows;
  });
}

async function expectEvent(event: string, severity: string, told: Told): Promise<void> {
  const { answer, userId, actorId, reason, details, loggedOnly } = told;
  const lines = logged(event, answer);
  expect(lines).toEqual([
    expect.objectContaining({
      severity,
      clientAddress: "127.0.0.1",
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      ...(loggedOnly ? {} : { tenantId: expect.any(String) }),
      ...(userId && { userId }),
      ...(actorId && { actorId }),
      ...(reason && { reason }),
      ...(details && { details }),
    }),
  ]);
  if (loggedOnly) return;
  await eventually(async () => (await kept(event, answer)).length === 1, 10_000);
  const [row] = await kept(event, answer);
  expect(row).toMatchObject({
    tenant_id: lines[0].tenantId,
    severity,
    user_id: lines[0].userId ?? null,
    session_id: lines[0].sessionId ?? null,
    actor_id: lines[0].actorId ?? null,
    client_address: "127.0.0.1",
    details: lines[0].details ?? {},
  });
}

const SEVERITIES: Partial<Record<string, string>> = {
  refresh_reused: "critical",
  login_failed: "warning",
  login_limited: "warning",
  refresh_unknown: "warning",
  totp_disabled: "warning",
  recovery_code_used: "warning",
  permissions_changed: "warning",
  tenant_security_changed: "warning",
};

describe("an event is in the log, and in the table if its tenant is known:", () => {
  test.each(Object.entries(causes))("%s", async (event, cause) => {
    await expectEvent(event, SEVERITIES[event] ?? "info", await cause());
  });

  test("permission_denied", async () => {
    const { user, accessToken: token } = await tenant.addUser("sales");
    const details = { operation: "apiKeys.create", permission: "apiKeys:create" };
    const body = { name: "Mine", role: "admin" };
    const answer = await send("POST", "/v1/api-keys", { token, body });
    const told = { answer, userId: user.id, actorId: user.id, details };
    await expectEvent("permission_denied", "warning", told);
  });

  test("permission_denied by crm-svc, which has no table for it", async () => {
    const { user, accessToken: token } = await tenant.addUser("sales");
    const answer = await send("DELETE", `/v1/contacts/${Bun.randomUUIDv7()}`, {
      token,
      url: services.crmUrl,
    });
    expect(logged("permission_denied", answer)).toEqual([
      expect.objectContaining({
        service: "crm-svc",
        severity: "warning",
        tenantId,
        userId: user.id,
        details: { operation: "contacts.delete", permission: "contacts:delete" },
      }),
    ]);
  });

  test("cursor_refused, for the cursor of another tenant", async () => {
    const other = await services.newTenant();
    await other.addUser("sales");
    const token = other.admin.accessToken;
    const cursor = textOf(await send("GET", "/v1/users?limit=1", { token }), "nextCursor");
    const answer = await byAdmin("GET", `/v1/users?limit=1&cursor=${cursor}`);
    expect(answer.status).toBe(400);
    const who = { userId: admin.user.id, actorId: admin.user.id };
    const told = { answer, ...who, details: { operation: "users.list" } };
    await expectEvent("cursor_refused", "warning", told);
  });

  test("rate_limited", async () => {
    const refreshWrongly = () =>
      send("POST", "/v1/auth/refresh", { body: { refreshToken: "nonsense" } });
    let answer = await refreshWrongly();
    while (answer.status !== 429) answer = await refreshWrongly();
    const details = { operation: "auth.refresh", limit: "refresh" };
    await expectEvent("rate_limited", "warning", { answer, details, loggedOnly: true });
  });
});

describe("a failed sign-in says why in the log, and nowhere else", () => {
  const reasonOf = async (answer: Answer) => {
    expect(answer.body).toMatchObject({ status: 401, code: "unauthenticated" });
    const [line] = logged("login_failed", answer);
    return line?.reason;
  };

  test("unknown tenant, unknown user, wrong password, disabled user", async () => {
    const nowhere = { tenant: "nowhere", email: "x@company.example", password: PASSWORD };
    const unknownTenant = await send("POST", "/v1/auth/login", { body: nowhere });
    expect(await reasonOf(unknownTenant)).toBe("unknown_tenant");
    expect(await reasonOf(await signIn("nobody@company.example", PASSWORD))).toBe("unknown_user");
    const { user } = await tenant.addUser("sales");
    expect(await reasonOf(await signIn(user.email, "not-the-password"))).toBe("wrong_password");
    await byAdmin("DELETE", `/v1/users/${user.id}`);
    const disabled = await signIn(user.email, PASSWORD);
    expect(await reasonOf(disabled)).toBe("not_active");
    await eventually(async () => (await kept("login_failed", disabled)).length === 1, 10_000);
    expect(JSON.stringify(await kept("login_failed", disabled))).not.toContain("not_active");
  });

  test("a wrong code", async () => {
    const { session, factorSecret } = await withSecondFactor();
    const challenge = textOf(await signIn(session.user.email, PASSWORD), "challenge");
    const body = { challenge, code: codeOf(factorSecret, 100) };
    expect(await reasonOf(await send("POST", "/v1/auth/login", { body }))).toBe("wrong_code");
  });
});

test("sign-ins, refusals and checks of tokens are counted", async () => {
  const metrics = await (await fetch(`${services.userUrl}/metrics`)).text();
  for (const line of [
    'security_events_total{event="login_ok",reason=""} ',
    'security_events_total{event="login_failed",reason="wrong_password"} ',
    'security_events_total{event="registered",reason=""} ',
    'rate_limit_refusals_total{limit="refresh"} ',
    'rate_limit_refusals_total{limit="account"} ',
    'token_checks_total{outcome="ok"} ',
    "security_events_not_kept_total 0",
  ]) {
    expect(metrics).toContain(line);
  }
});

test("nothing of it was a bug", () => expectCleanLog(services));

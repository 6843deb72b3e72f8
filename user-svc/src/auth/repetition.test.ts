import { describe, expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import {
  acceptInvitation,
  changePassword,
  confirmTotp,
  enrollTotp,
  login,
  logout,
  refresh,
  register,
  resetPassword,
} from "../../../tools/testing/api/auth.ts";
import { listContacts } from "../../../tools/testing/api/contacts.ts";
import type { ApiOperation } from "../../../tools/testing/api/operation.ts";
import { createUser, resetUserPassword } from "../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  unauthenticated,
  type World,
} from "../../../tools/testing/cases.ts";
import { PASSWORD, type Session, startServices } from "../../../tools/testing/services.ts";
import { codeAt } from "./second-factor/totp.ts";

// What can be asked without being signed in, repeated with its Idempotency-Key.

const NEW_PASSWORD = "walnut-harbor-sketch-58";

const reused = { kind: "invalid", code: "idempotency_key_reused" } as const;
const inFlight = { kind: "inFlight", code: "idempotency_key_in_flight" } as const;
const badKey = { kind: "malformed", code: "invalid_idempotency_key" } as const;
const slugTaken = { kind: "duplicate", code: "slug_taken" } as const;

const services = await startServices();

const newKey = (): string => `key-${Bun.randomUUIDv7()}`;

await describeForEveryClient(services, (world) => {
  const { tenant } = world;
  const send = <Value>(operation: ApiOperation<Value>, input: object, idempotencyKey?: string) =>
    world.call(operation, { ...input }, { as: "nobody", idempotencyKey });
  const credentialsOf = ({ user }: Pick<Session, "user">, password = PASSWORD) => ({
    tenant: tenant.slug,
    email: user.email,
    password,
  });

  const companies = ["made", "taken", "at-once"].map((name) => ({
    tenant: { name: "New Company", slug: `${tenant.slug}-${name}` },
    email: "nora@new.example",
    password: PASSWORD,
    fullName: "Nora New",
  }));

  /** An operation and an input that is good for it once. */
  const requests: Record<string, () => Promise<readonly [ApiOperation<unknown>, object]>> = {
    register: async () => [register, companies[0] ?? {}],
    login: async () => [login, credentialsOf(await tenant.addUser("sales"))],
    "login by a code": async () => {
      const session = await tenant.addUser("sales");
      const { recoveryCodes, challenge } = await secondFactorOf(world, session);
      return [login, { challenge, code: recoveryCodes[0] ?? "" }];
    },
    refresh: async () => {
      const { refreshToken } = await tenant.addUser("sales");
      return [refresh, { refreshToken }];
    },
    "accept an invitation": async () => {
      const person = { email: newAddress(), fullName: "Ina Invited", role: "sales" };
      const { invitationToken } = await world.get(createUser, person);
      return [acceptInvitation, { token: invitationToken, password: NEW_PASSWORD }];
    },
    "reset a password": async () => {
      const { user } = await tenant.addUser("sales");
      const { resetToken } = await world.get(resetUserPassword, { id: user.id });
      return [resetPassword, { token: resetToken, password: NEW_PASSWORD }];
    },
  };

  describe.each(Object.entries(requests))("to %s", (_, request) => {
    test("once more with the same key gives the same answer, which is kept unreadable", async () => {
      const [operation, input] = await request();
      const key = newKey();
      const first = await send(operation, input, key);
      const before = await traces(world);
      const second = await send(operation, input, key);
      if (!first.ok || !second.ok) throw new Error(JSON.stringify([first, second]));
      expect(JSON.stringify(second.value)).toBe(JSON.stringify(first.value));
      expect(first.headers.get("idempotency-replayed")).toBeNull();
      expect(second.headers.get("idempotency-replayed")).toBe("true");
      expect(await traces(world)).toEqual(before);
      await expectUnreadable([key, ...secretsIn([input, first.value])]);
    });

    test("needs a key that is one", async () => {
      const [operation, input] = await request();
      expectRefusal(world, await send(operation, input, "a b"), badKey);
    });
  });

  test("of ten that register with the same key at once, all are told of the one tenant", async () => {
    const [, , company = {}] = companies;
    const key = newKey();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => send(register, company, key)),
    );
    const answers = outcomes.filter((outcome) => outcome.ok);
    expect(new Set(answers.map(({ value }) => JSON.stringify(value))).size).toBe(1);
    for (const outcome of outcomes) if (!outcome.ok) expectRefusal(world, outcome, inFlight);
  });

  test("a key of somebody else's sign-up does not give the tenant away", async () => {
    const [, company = {}] = companies;
    const key = newKey();
    expect(await send(register, company, key)).toMatchObject({ ok: true });
    expectRefusal(world, await send(register, { ...company, fullName: "N" }, key), reused);
    expectRefusal(world, await send(register, company, newKey()), slugTaken);
    expectRefusal(world, await send(register, company), slugTaken);
  });

  test("of ten logins with the same key at once, one opens a session", async () => {
    const session = await tenant.addUser("sales");
    const before = await traces(world);
    const key = newKey();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => send(login, credentialsOf(session), key)),
    );
    const answers = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value.accessToken] : []));
    expect(new Set(answers).size).toBe(1);
    for (const outcome of outcomes) if (!outcome.ok) expectRefusal(world, outcome, inFlight);
    expect((await traces(world)).sessions).toBe(before.sessions + 1);
  });

  test("a key says nothing about a password, and opens nothing without it", async () => {
    const session = await tenant.addUser("sales");
    const other = await tenant.addUser("sales");
    const key = newKey();
    const first = await send(login, credentialsOf(session), key);
    expect(first).toMatchObject({ ok: true });
    for (const attempt of [
      credentialsOf(session, `${PASSWORD}!`),
      credentialsOf(other, `${PASSWORD}!`),
      { ...credentialsOf(session), tenant: `${tenant.slug}-none` },
    ]) {
      expectRefusal(world, await send(login, attempt, key), unauthenticated);
    }
    const before = await traces(world);
    expectRefusal(world, await send(login, credentialsOf(other), key), reused);
    expect(await traces(world)).toEqual(before);

    const change = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
    await world.get(changePassword, change, { token: session.accessToken });
    expectRefusal(world, await send(login, credentialsOf(session), key), unauthenticated);
  });

  test("a repeated login gives tokens that are as dead as they were", async () => {
    const session = await tenant.addUser("sales");
    const key = newKey();
    const first = await send(login, credentialsOf(session), key);
    if (!first.ok) throw new Error(JSON.stringify(first));
    await world.get(logout, {}, { token: first.value.accessToken });
    const second = await send(login, credentialsOf(session), key);
    expect(second).toMatchObject({ ok: true, value: first.value });
    const { accessToken: token, refreshToken } = first.value;
    expectRefusal(world, await world.call(logout, {}, { token }), unauthenticated);
    expectRefusal(world, await send(refresh, { refreshToken }), unauthenticated);
  });

  test("a repeated code is good for the same request only", async () => {
    const session = await tenant.addUser("sales");
    const { recoveryCodes, challenge } = await secondFactorOf(world, session);
    const [code = "", another = ""] = recoveryCodes;
    const key = newKey();
    expect(await send(login, { challenge, code }, key)).toMatchObject({ ok: true });
    expectRefusal(world, await send(login, { challenge, code }), unauthenticated);
    expectRefusal(world, await send(login, { challenge, code }, newKey()), unauthenticated);
    const wrong = { challenge, code: `${another.slice(0, -1)}0` };
    expectRefusal(world, await send(login, wrong, key), unauthenticated);
    // Right, and so it is told of the key; the code is still good.
    expectRefusal(world, await send(login, { challenge, code: another }, key), reused);
    expect(await send(login, { challenge, code: another })).toMatchObject({ ok: true });
  });

  test("a key does not make a stolen refresh token good: its reuse ends the session", async () => {
    const { refreshToken } = await tenant.addUser("sales");
    const key = newKey();
    const second = await send(refresh, { refreshToken }, key);
    if (!second.ok) throw new Error(JSON.stringify(second));
    const third = await send(refresh, { refreshToken: second.value.refreshToken }, newKey());
    if (!third.ok) throw new Error(JSON.stringify(third));
    expect(await world.call(listContacts, {}, { token: third.value.accessToken })).toMatchObject({
      ok: true,
    });
    expectRefusal(world, await send(refresh, { refreshToken }, key), unauthenticated);
    const { refreshToken: last } = third.value;
    expectRefusal(world, await send(refresh, { refreshToken: last }), unauthenticated);
  });

  test("a refresh token is not used up by a key that was used for another", async () => {
    const [one, two] = [await tenant.addUser("sales"), await tenant.addUser("sales")];
    const key = newKey();
    const first = await send(refresh, { refreshToken: one.refreshToken }, key);
    expect(first).toMatchObject({ ok: true });
    const other = { refreshToken: two.refreshToken };
    expectRefusal(world, await send(refresh, other, key), reused);
    expectRefusal(world, await send(refresh, { refreshToken: "nonsense" }, key), unauthenticated);
    expect(await send(refresh, other)).toMatchObject({ ok: true });
  });

  test("an invitation is accepted with the password that was sent first, or not at all", async () => {
    const person = { email: newAddress(), fullName: "Ina Invited", role: "sales" };
    const { invitationToken: token } = await world.get(createUser, person);
    const key = newKey();
    const input = { token, password: NEW_PASSWORD };
    expect(await send(acceptInvitation, input, key)).toMatchObject({ ok: true });
    const others = [
      await send(acceptInvitation, { ...input, password: `${NEW_PASSWORD}!` }, key),
      await send(acceptInvitation, { ...input, fullName: "Ina" }, key),
      await send(acceptInvitation, input, newKey()),
      await send(acceptInvitation, input),
    ];
    for (const outcome of others) expectRefusal(world, outcome, unauthenticated);
  });
});

const newAddress = (): string => `ina-${Bun.randomUUIDv7()}@company.example`;

/** Sets up a second factor, and shows the password. */
async function secondFactorOf({ call, get, tenant }: World, { user, accessToken }: Session) {
  const { secret } = await get(enrollTotp, {}, { token: accessToken });

  const code = codeAt(secret, Date.now());
  const { recoveryCodes } = await get(confirmTotp, { code }, { token: accessToken });
  const credentials = { tenant: tenant.slug, email: user.email, password: PASSWORD };
  const outcome = await call(login, credentials, { as: "nobody" });
  const challenge = (outcome.ok ? undefined : outcome.facts["challenge"]) ?? "";
  return { recoveryCodes, challenge };
}

/** How much there is of what these operations leave behind. */
async function traces({ services: { database } }: World) {
  return withClient(database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<Record<"tenants" | "sessions" | "tokens", number>>(`
      SELECT (SELECT count(*)::int FROM identity.tenants) AS tenants,
             (SELECT count(*)::int FROM identity.sessions) AS sessions,
             (SELECT count(*)::int FROM identity.refresh_tokens) AS tokens`);
    const [row] = rows;
    if (row === undefined) throw new Error("there is no count");
    return row;
  });
}

/** Passwords, codes, tokens, e-mail addresses. */
function secretsIn(value: unknown): string[] {
  const text = JSON.stringify(value);
  const named = /"(?:password|code|challenge|token|accessToken|refreshToken|email)":"([^"]+)"/g;
  return Array.from(text.matchAll(named), ([, secret = ""]) => secret);
}

/** Nothing that is kept of requests holds any of these. */
async function expectUnreadable(texts: readonly string[]): Promise<void> {
  const kept = await withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query("SELECT k::text AS row FROM identity.idempotency_keys k");
    return rows.map(({ row }) => String(row)).join("\n");
  });
  expect(kept).not.toBe("");
  expect(texts.filter((text) => kept.includes(text))).toEqual([]);
}

import { expect, test } from "bun:test";
import { withClient } from "../../../../tools/local/database.ts";
import { createApiKey } from "../../../../tools/testing/api/api-keys.ts";
import {
  changePassword,
  confirmTotp,
  disableTotp,
  endSession,
  enrollTotp,
  listSessions,
  login,
  logout,
  logoutAll,
  refresh,
} from "../../../../tools/testing/api/auth.ts";
import { listContacts } from "../../../../tools/testing/api/contacts.ts";
import {
  describeForEveryClient,
  expectRefusal,
  forbidden,
  invalid,
  notFound,
  testCases,
  unauthenticated,
  type World,
} from "../../../../tools/testing/cases.ts";
import { eventually } from "../../../../tools/testing/eventually.ts";
import { PASSWORD, type Session, startServices } from "../../../../tools/testing/services.ts";

/** Less than crm-svc remembers a token for, so that only a message can have reached it. */
const REVOKED_WITHIN_MS = 4_000;

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const { tenant } = world;
  const credentials = {
    tenant: tenant.slug,
    email: tenant.admin.user.email,
    password: PASSWORD,
  };
  const anonymously = { as: "nobody" } as const;
  const signInAs = ({ user }: Session) =>
    world.get(login, { ...credentials, email: user.email }, anonymously);

  test("refresh gives new tokens for the same session's user", async () => {
    const first = await world.get(login, credentials, anonymously);
    const second = await world.get(refresh, { refreshToken: first.refreshToken }, anonymously);
    expect(second.user).toEqual(first.user);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second.accessToken).not.toBe(first.accessToken);
    await world.get(listContacts, {}, { token: first.accessToken });
    await world.get(listContacts, {}, { token: second.accessToken });
    await world.get(refresh, { refreshToken: second.refreshToken }, anonymously);
  });

  test("a refresh token that comes again soon gives the same successor, also at once", async () => {
    const { refreshToken } = await world.get(login, credentials, anonymously);
    const atOnce = await Promise.all(
      Array.from({ length: 3 }, () => world.get(refresh, { refreshToken }, anonymously)),
    );
    const later = await world.get(refresh, { refreshToken }, anonymously);
    const successors = new Set([...atOnce, later].map((session) => session.refreshToken));
    expect(successors.size).toBe(1);
  });

  test("a refresh token that comes again after its successor ends the session everywhere", async () => {
    const first = await world.get(login, credentials, anonymously);
    const second = await world.get(refresh, { refreshToken: first.refreshToken }, anonymously);
    const third = await world.get(refresh, { refreshToken: second.refreshToken }, anonymously);
    await world.get(listContacts, {}, { token: third.accessToken });

    const stolen = await world.call(refresh, { refreshToken: first.refreshToken }, anonymously);
    expectRefusal(world, stolen, unauthenticated);
    const last = await world.call(refresh, { refreshToken: third.refreshToken }, anonymously);
    expectRefusal(world, last, unauthenticated);
    await expectDead(world, third.accessToken);
  });

  test("refresh refuses what is no refresh token, always the same", async () => {
    const { refreshToken, accessToken } = await world.get(login, credentials, anonymously);
    const secret = Buffer.from(refreshToken.slice("crmr_".length), "base64url");
    const withByteChanged = (at: number): string => {
      const changed = Buffer.from(secret);
      changed[at] = (changed[at] ?? 0) ^ 1;
      return `crmr_${changed.toString("base64url")}`;
    };
    const outcomes = await Promise.all(
      [
        "nonsense",
        refreshToken.slice(0, -1),
        refreshToken.toUpperCase(),
        withByteChanged(0),
        withByteChanged(secret.length - 1),
        accessToken.slice(0, 200),
      ].map((token) => world.call(refresh, { refreshToken: token }, anonymously)),
    );
    for (const outcome of outcomes) {
      expectRefusal(world, outcome, unauthenticated);
      expect([outcome]).toEqual(outcomes.slice(0, 1));
    }
    const tooLong = await world.call(refresh, { refreshToken: "x".repeat(201) }, anonymously);
    expectRefusal(world, tooLong, invalid("refreshToken too_big"));
  });

  test("refresh refuses a user who was disabled", async () => {
    const { user, refreshToken } = await tenant.addUser("manager");
    await disable(world, user.id);
    const outcome = await world.call(refresh, { refreshToken }, anonymously);
    expectRefusal(world, outcome, unauthenticated);
  });

  test("logout ends the session in both services, and no other session", async () => {
    const ended = await world.get(login, credentials, anonymously);
    const other = await world.get(login, credentials, anonymously);
    await world.get(listContacts, {}, { token: ended.accessToken });

    await world.get(logout, {}, { token: ended.accessToken });
    await expectDead(world, ended.accessToken);
    const late = await world.call(refresh, { refreshToken: ended.refreshToken }, anonymously);
    expectRefusal(world, late, unauthenticated);
    await world.get(listContacts, {}, { token: other.accessToken });
    await world.get(refresh, { refreshToken: other.refreshToken }, anonymously);
  });

  test("logout needs a token", async () => {
    expectRefusal(world, await world.call(logout, {}, anonymously), unauthenticated);
  });

  test("twenty refreshes of one token at once give one and the same successor", async () => {
    const { refreshToken } = await world.get(login, credentials, anonymously);
    const sessions = await Promise.all(
      Array.from({ length: 20 }, () => world.get(refresh, { refreshToken }, anonymously)),
    );
    const successors = new Set(sessions.map((session) => session.refreshToken));
    expect(successors.size).toBe(1);
    const [successor = ""] = successors;
    await world.get(refresh, { refreshToken: successor }, anonymously);
    // In the same second: the successor has been used, so this is no retry.
    const stolen = await world.call(refresh, { refreshToken }, anonymously);
    expectRefusal(world, stolen, unauthenticated);
    for (const { accessToken } of sessions) {
      expectRefusal(world, await world.call(logout, {}, { token: accessToken }), unauthenticated);
    }
  });

  test("a user sees the own sessions, and only those", async () => {
    const first = await tenant.addUser("sales");
    const second = await signInAs(first);
    const other = await tenant.addUser("sales");
    const { items } = await world.get(listSessions, {}, { token: second.accessToken });
    expect(items).toHaveLength(2);
    expect(items.map(({ current }) => current)).toEqual([true, false]);
    const [latest] = items;
    expect(latest?.address).toBe("127.0.0.1");
    // Not every client says what it is.
    expect([null, expect.any(String)]).toContainEqual(latest?.device);
    const [created, used, end] = [latest?.createdAt, latest?.lastUsedAt, latest?.expiresAt].map(
      (time) => Date.parse(time ?? ""),
    );
    expect(used).toBe(created);
    expect(Math.abs(Date.now() - Number(created))).toBeLessThan(60_000);
    expect(Number(end) - Number(created)).toBeGreaterThan(29 * 86_400_000);

    const others = await world.get(listSessions, {}, { token: other.accessToken });
    expect(others.items).toHaveLength(1);
    expect(others.items[0]?.id).not.toBe(items[1]?.id);
  });

  test("a session moves up in the list when it is continued", async () => {
    const first = await tenant.addUser("sales");
    const second = await signInAs(first);
    const order = async () =>
      (await world.get(listSessions, {}, { token: second.accessToken })).items;
    const before = await order();
    await world.get(refresh, { refreshToken: first.refreshToken }, anonymously);
    const after = await order();
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id).toReversed());
    expect(Date.parse(after[0]?.lastUsedAt ?? "")).toBeGreaterThan(
      Date.parse(after[0]?.createdAt ?? ""),
    );
  });

  test("a user ends one session, and no other", async () => {
    const kept = await tenant.addUser("sales");
    const ended = await signInAs(kept);
    await world.get(listContacts, {}, { token: ended.accessToken });
    const { items } = await world.get(listSessions, {}, { token: kept.accessToken });
    const id = items.find(({ current }) => !current)?.id ?? "";

    await world.get(endSession, { id }, { token: kept.accessToken });
    await expectDead(world, ended.accessToken);
    const late = await world.call(refresh, { refreshToken: ended.refreshToken }, anonymously);
    expectRefusal(world, late, unauthenticated);
    const again = await world.call(endSession, { id }, { token: kept.accessToken });
    expectRefusal(world, again, notFound);
    const left = await world.get(listSessions, {}, { token: kept.accessToken });
    expect(left.items.map(({ current }) => current)).toEqual([true]);
  });

  testCases(world, [
    {
      name: "another user's session cannot be ended: it is not there",
      operation: endSession,
      input: async () => ({ id: await sessionIdOf(world, await tenant.addUser("sales")) }),
      expected: { refusal: notFound },
    },
    {
      name: "another tenant's session cannot be ended: it is not there",
      operation: endSession,
      input: async () => ({ id: await sessionIdOf(world, await world.sessionOf("stranger")) }),
      expected: { refusal: notFound },
    },
    {
      name: "a session that is not there cannot be ended",
      operation: endSession,
      input: { id: Bun.randomUUIDv7() },
      expected: { refusal: notFound },
    },
    {
      name: "sessions are told to users only",
      as: "nobody",
      operation: listSessions,
      input: {},
      expected: { refusal: unauthenticated },
    },
    {
      name: "sessions are ended by users only",
      as: "nobody",
      operation: endSession,
      input: { id: Bun.randomUUIDv7() },
      expected: { refusal: unauthenticated },
    },
    {
      name: "all sessions are ended by users only",
      as: "nobody",
      operation: logoutAll,
      input: {},
      expected: { refusal: unauthenticated },
    },
  ]);

  test("an API key has no session, no password and no second factor", async () => {
    const { key: token } = await world.get(createApiKey, { name: "import", role: "admin" });
    const passwords = { currentPassword: PASSWORD, newPassword: "walnut-harbor-sketch-58" };
    for (const outcome of [
      await world.call(listSessions, {}, { token }),
      await world.call(endSession, { id: Bun.randomUUIDv7() }, { token }),
      await world.call(logout, {}, { token }),
      await world.call(logoutAll, {}, { token }),
      await world.call(changePassword, passwords, { token }),
      await world.call(enrollTotp, {}, { token }),
      await world.call(confirmTotp, { code: "123456" }, { token }),
      await world.call(disableTotp, { password: PASSWORD }, { token }),
    ]) {
      expectRefusal(world, outcome, forbidden);
    }
  });

  test("logout-all ends every session of the user, and of nobody else", async () => {
    const first = await tenant.addUser("sales");
    const second = await signInAs(first);
    const other = await tenant.addUser("sales");
    for (const { accessToken } of [first, second]) {
      await world.get(listContacts, {}, { token: accessToken });
    }
    await world.get(logoutAll, {}, { token: first.accessToken });
    for (const { accessToken, refreshToken } of [first, second]) {
      await expectDead(world, accessToken);
      const late = await world.call(refresh, { refreshToken }, anonymously);
      expectRefusal(world, late, unauthenticated);
    }
    await world.get(listContacts, {}, { token: other.accessToken });
    await signInAs(first);
  });
});

async function sessionIdOf(world: World, { accessToken }: Session): Promise<string> {
  const { items } = await world.get(listSessions, {}, { token: accessToken });
  return items.find(({ current }) => current)?.id ?? "";
}

/** user-svc refuses the token at once, crm-svc as soon as it has heard. */
async function expectDead(world: World, token: string): Promise<void> {
  expectRefusal(world, await world.call(logout, {}, { token }), unauthenticated);
  await eventually(
    async () => !(await world.call(listContacts, {}, { token })).ok,
    REVOKED_WITHIN_MS,
  );
  expectRefusal(world, await world.call(listContacts, {}, { token }), unauthenticated);
}

async function disable({ services: { database } }: World, userId: string): Promise<void> {
  await withClient(database.ownerUrl, (owner) =>
    owner.query("UPDATE identity.users SET status = 'disabled' WHERE user_id = $1", [userId]),
  );
}

import { expect, test } from "bun:test";
import { withClient } from "../../../../tools/local/database.ts";
import {
  acceptInvitation,
  changePassword,
  login,
  logout,
  refresh,
  resetPassword,
} from "../../../../tools/testing/api/auth.ts";
import { listContacts } from "../../../../tools/testing/api/contacts.ts";
import {
  createUser,
  deleteUser,
  getUser,
  resetUserPassword,
} from "../../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  invalid,
  testCases,
  unauthenticated,
  type World,
} from "../../../../tools/testing/cases.ts";
import { eventually } from "../../../../tools/testing/eventually.ts";
import { PASSWORD, type Session, startServices } from "../../../../tools/testing/services.ts";

const NEW_PASSWORD = "walnut-harbor-sketch-58";
const WITHIN_MS = 4_000;

// Users are added with hashes of cost 4.
const services = await startServices({ BCRYPT_COST: "5" });

await describeForEveryClient(services, (world) => {
  const { tenant } = world;
  const anonymously = { as: "nobody" } as const;
  const attempt = ({ user }: Pick<Session, "user">, password = PASSWORD) =>
    world.call(login, { tenant: tenant.slug, email: user.email, password }, anonymously);
  const invited = async (name: string) => {
    const email = `${name}@company.example`;
    const { invitationToken, ...user } = await world.get(createUser, {
      email,
      fullName: "Ina Invited",
      role: "sales",
    });
    return { user, token: invitationToken ?? "" };
  };
  const resetTokenOf = async ({ user }: Pick<Session, "user">): Promise<string> =>
    (await world.get(resetUserPassword, { id: user.id })).resetToken;

  test("a hash of lower cost is renewed by the next login, also by twenty at once", async () => {
    const { user } = await tenant.addUser("sales");
    await eventually(async () => (await hashOf(world, user.id)).startsWith("$2b$05$"), WITHIN_MS);
    await setHash(world, user.id, 4);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => attempt({ user })));
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
    await eventually(async () => (await hashOf(world, user.id)).startsWith("$2b$05$"), WITHIN_MS);
    expect(await attempt({ user })).toMatchObject({ ok: true });
    expect((await world.get(getUser, { id: user.id })).version).toBe(user.version);
  });

  test("a hash that is being renewed does not bring a former password back", async () => {
    const session = await tenant.addUser("sales");
    await setHash(world, session.user.id, 4);
    const change = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
    await Promise.all([
      attempt(session),
      world.get(changePassword, change, { token: session.accessToken }),
      attempt(session),
    ]);
    // By then, whatever was begun by the logins has been done.
    const later = await Promise.all(
      Array.from({ length: 5 }, () => attempt(session, NEW_PASSWORD)),
    );
    expect(later.filter(({ ok }) => !ok)).toEqual([]);
    expectRefusal(world, await attempt(session), unauthenticated);
  });

  test("a new password ends all other sessions, and the old one is good no more", async () => {
    const here = await tenant.addUser("sales");
    const elsewhere = await world.get(
      login,
      { tenant: tenant.slug, email: here.user.email, password: PASSWORD },
      anonymously,
    );
    await world.get(listContacts, {}, { token: elsewhere.accessToken });
    const change = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
    const idempotencyKey = "change";
    await world.get(changePassword, change, { token: here.accessToken, idempotencyKey });
    await expectDead(world, elsewhere);
    await world.get(listContacts, {}, { token: here.accessToken });
    await world.get(refresh, { refreshToken: here.refreshToken }, anonymously);
    expectRefusal(world, await attempt(here), unauthenticated);
    expect(await attempt(here, NEW_PASSWORD)).toMatchObject({ ok: true });
    // A repetition of the request changes nothing.
    const repeated = await world.call(changePassword, change, {
      token: here.accessToken,
      idempotencyKey,
    });
    expect(repeated).toMatchObject({ ok: true });
    expect(repeated.ok && repeated.headers.get("idempotency-replayed")).toBe("true");
  });

  testCases(world, [
    {
      name: "a password is not changed without the current one",
      operation: changePassword,
      input: { currentPassword: `${PASSWORD}!`, newPassword: NEW_PASSWORD },
      expected: { refusal: unauthenticated },
    },
    {
      name: "a password is not changed to one that can be guessed",
      operation: changePassword,
      input: { currentPassword: PASSWORD, newPassword: "Ada Admin 2026" },
      expected: { refusal: invalid("newPassword too_weak") },
    },
    {
      name: "a password is not changed to one that is too short",
      operation: changePassword,
      input: { currentPassword: PASSWORD, newPassword: "eleven char" },
      expected: { refusal: invalid("newPassword too_short") },
    },
    {
      name: "a password is not changed by nobody",
      as: "nobody",
      operation: changePassword,
      input: { currentPassword: PASSWORD, newPassword: NEW_PASSWORD },
      expected: { refusal: unauthenticated },
    },
    {
      name: "an invitation is not accepted without a token and a password",
      as: "nobody",
      operation: acceptInvitation,
      input: {},
      expected: { refusal: invalid("token required", "password required") },
    },
    {
      name: "a password is not reset without a token and a password",
      as: "nobody",
      operation: resetPassword,
      input: {},
      expected: { refusal: invalid("token required", "password required") },
    },
  ]);

  test("an invitation makes an active user, who is signed in", async () => {
    const { user, token } = await invited("ina");
    const weak = { token, password: "Ina Invited 2026" };
    const refused = await world.call(acceptInvitation, weak, anonymously);
    expectRefusal(world, refused, invalid("password too_weak"));
    const session = await world.get(
      acceptInvitation,
      { token, password: NEW_PASSWORD, fullName: " Ina Renamed " },
      anonymously,
    );
    expect(session.user).toMatchObject({
      id: user.id,
      fullName: "Ina Renamed",
      status: "active",
      version: user.version + 1,
    });
    await world.get(listContacts, {}, { token: session.accessToken });
    expect(await attempt({ user }, NEW_PASSWORD)).toMatchObject({ ok: true });
  });

  test("of twenty who accept one invitation at once, one does", async () => {
    const { token } = await invited("at-once");
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        world.call(acceptInvitation, { token, password: NEW_PASSWORD }, anonymously),
      ),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    const refused = outcomes.filter(({ ok }) => !ok);
    for (const outcome of refused) expectRefusal(world, outcome, unauthenticated);
  });

  test("a reset sets the password once, and ends all sessions", async () => {
    const session = await tenant.addUser("sales");
    await world.get(listContacts, {}, { token: session.accessToken });
    const token = await resetTokenOf(session);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        world.call(resetPassword, { token, password: NEW_PASSWORD }, anonymously),
      ),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    const refused = outcomes.filter(({ ok }) => !ok);
    for (const outcome of refused) expectRefusal(world, outcome, unauthenticated);
    await expectDead(world, session);
    expectRefusal(world, await attempt(session), unauthenticated);
    expect(await attempt(session, NEW_PASSWORD)).toMatchObject({ ok: true });
  });

  test("a reset lets somebody in who never accepted the invitation", async () => {
    const { user, token: invitation } = await invited("late");
    const token = await resetTokenOf({ user });
    await world.get(resetPassword, { token, password: NEW_PASSWORD }, anonymously);
    expect(await attempt({ user }, NEW_PASSWORD)).toMatchObject({ ok: true });
    const late = { token: invitation, password: NEW_PASSWORD };
    expectRefusal(world, await world.call(acceptInvitation, late, anonymously), unauthenticated);
  });

  test("one-time tokens that are not good are refused, always the same", async () => {
    const used = await invited("used");
    const good = { password: NEW_PASSWORD };
    await world.get(acceptInvitation, { ...good, token: used.token }, anonymously);
    const disabled = await invited("disabled");
    await world.get(deleteUser, { id: disabled.user.id });
    const expired = await invited("expired");
    await expire(world, expired.user.id);
    const other = await invited("other");
    const reset = await resetTokenOf(await tenant.addUser("sales"));
    const changed = Buffer.from(other.token.slice("crmi_".length), "base64url");
    changed[0] = (changed[0] ?? 0) ^ 1;
    const invitations = [
      used.token,
      disabled.token,
      expired.token,
      reset,
      reset.replace(/^crm._/, "crmi_"),
      tenant.admin.refreshToken,
      tenant.admin.refreshToken.replace(/^crm._/, "crmi_"),
      `crmi_${changed.toString("base64url")}`,
      "nonsense",
    ];
    const outcomes = await Promise.all([
      ...invitations.map((token) => world.call(acceptInvitation, { ...good, token }, anonymously)),
      ...[used.token, other.token, other.token.replace(/^crm._/, "crmp_"), "nonsense"].map(
        (token) => world.call(resetPassword, { ...good, token }, anonymously),
      ),
    ]);
    for (const outcome of outcomes) {
      expectRefusal(world, outcome, unauthenticated);
      expect([outcome]).toEqual(outcomes.slice(0, 1));
    }
    await world.get(acceptInvitation, { ...good, token: other.token }, anonymously);
    await world.get(resetPassword, { ...good, token: reset }, anonymously);
  });

  async function expectDead({ call }: World, { accessToken, refreshToken }: Session) {
    const token = accessToken;
    expectRefusal(world, await call(logout, {}, { token }), unauthenticated);
    await eventually(async () => !(await call(listContacts, {}, { token })).ok, WITHIN_MS);
    expectRefusal(world, await call(refresh, { refreshToken }, anonymously), unauthenticated);
  }
});

async function hashOf({ services: { database } }: World, userId: string): Promise<string> {
  return withClient(database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ password_hash: string }>(
      "SELECT password_hash FROM identity.users WHERE user_id = $1",
      [userId],
    );
    return rows[0]?.password_hash ?? "";
  });
}

async function setHash(world: World, userId: string, cost: number): Promise<void> {
  const hash = await Bun.password.hash(PASSWORD, { algorithm: "bcrypt", cost });
  await withClient(world.services.database.ownerUrl, (owner) =>
    owner.query("UPDATE identity.users SET password_hash = $2 WHERE user_id = $1", [userId, hash]),
  );
}

async function expire({ services: { database } }: World, userId: string): Promise<void> {
  await withClient(database.ownerUrl, (owner) =>
    owner.query("UPDATE identity.one_time_tokens SET expires_at = now() WHERE user_id = $1", [
      userId,
    ]),
  );
}

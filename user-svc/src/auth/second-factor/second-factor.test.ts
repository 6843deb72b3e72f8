import { expect, test } from "bun:test";
import {
  changePassword,
  confirmTotp,
  disableTotp,
  enrollTotp,
  listSessions,
  login,
  logout,
} from "../../../../tools/testing/api/auth.ts";
import { listContacts } from "../../../../tools/testing/api/contacts.ts";
import { getUser, updateTenant, validateToken } from "../../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  invalid,
  notFound,
  testCases,
  unauthenticated,
} from "../../../../tools/testing/cases.ts";
import { eventually } from "../../../../tools/testing/eventually.ts";
import { PASSWORD, type Session, startServices } from "../../../../tools/testing/services.ts";
import { codeAt } from "./totp.ts";

const STEP_MS = 30_000;
const WITHIN_MS = 4_000;

const enrolmentRequired = { kind: "forbidden", code: "second_factor_enrolment_required" } as const;
const secondFactorRequired = { kind: "unauthenticated", code: "second_factor_required" } as const;
const notEnrolled = { kind: "wrongState", code: "totp_not_enrolled" } as const;

/** With another letter in its middle: all bits of that one count. */
function altered(challenge: string): string {
  const at = challenge.length >> 1;
  return challenge.slice(0, at) + (challenge[at] === "A" ? "B" : "A") + challenge.slice(at + 1);
}

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const { tenant } = world;
  const anonymously = { as: "nobody" } as const;

  /** A user with a second factor, by a code that is `taken`; that of the step after it is `following`. */
  async function enrolled() {
    const session = await tenant.addUser("sales");
    const { accessToken: token } = session;
    const { secret, uri } = await world.get(enrollTotp, {}, { token });
    const at = Date.now();
    const taken = codeAt(secret, at);
    const { recoveryCodes } = await world.get(confirmTotp, { code: taken }, { token });
    return { session, secret, uri, recoveryCodes, taken, following: codeAt(secret, at + STEP_MS) };
  }
  const showPassword = ({ user }: Session, password = PASSWORD) =>
    world.call(login, { tenant: tenant.slug, email: user.email, password }, anonymously);
  async function challengeOf(session: Session): Promise<string> {
    const outcome = await showPassword(session);
    expectRefusal(world, outcome, secondFactorRequired);
    const challenge = outcome.ok ? undefined : outcome.facts["challenge"];
    return challenge ?? "";
  }
  const showCode = (challenge: string, code: string) =>
    world.call(login, { challenge, code }, anonymously);

  test("once it is confirmed, sign-in asks for a code", async () => {
    const session = await tenant.addUser("sales");
    const { accessToken: token } = session;
    const { secret, uri } = await world.get(enrollTotp, {}, { token });
    expect(uri).toStartWith(`otpauth://totp/${encodeURIComponent(tenant.admin.tenant.name)}:`);
    expect(new URL(uri).searchParams.get("secret")).toBe(secret);
    // Nothing has changed before that.
    expect(await showPassword(session)).toMatchObject({ ok: true });

    const wrong = await world.call(confirmTotp, { code: wrongCode(secret) }, { token });
    expectRefusal(world, wrong, invalid("code wrong"));
    const { recoveryCodes } = await world.get(confirmTotp, { code: now(secret) }, { token });
    expect(new Set(recoveryCodes).size).toBe(10);
    const user = await world.get(getUser, { id: session.user.id });
    expect(user).toMatchObject({ totpEnabled: true, version: session.user.version + 1 });

    const challenge = await challengeOf(session);
    const signedIn = await world.get(login, { challenge, code: next(secret) }, anonymously);
    expect(signedIn.user).toEqual(user);
    await world.get(listContacts, {}, { token: signedIn.accessToken });
  });

  test("no code is good twice, nor one of before, nor at once", async () => {
    const { session, taken, following } = await enrolled();
    const challenge = await challengeOf(session);
    expectRefusal(world, await showCode(challenge, taken), unauthenticated);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => showCode(challenge, following)),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    for (const outcome of outcomes.filter(({ ok }) => !ok)) {
      expectRefusal(world, outcome, unauthenticated);
    }
    expectRefusal(world, await showCode(challenge, taken), unauthenticated);
  });

  test("each recovery code stands in once, also at once, however it is typed", async () => {
    const { session, recoveryCodes } = await enrolled();
    const [first = "", second = ""] = recoveryCodes;
    const challenge = await challengeOf(session);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => showCode(challenge, first)),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    expectRefusal(world, await showCode(challenge, first), unauthenticated);
    const typed = ` ${second.toUpperCase().replaceAll("-", " ")} `;
    expect(await showCode(challenge, typed)).toMatchObject({ ok: true });
  });

  test("what does not fit is refused, always the same", async () => {
    const { session, secret, recoveryCodes } = await enrolled();
    const other = await enrolled();
    const challenge = await challengeOf(session);
    const outcomes = await Promise.all([
      showPassword(session, `${PASSWORD}!`),
      showCode(challenge, wrongCode(secret)),
      showCode(challenge, next(other.secret)),
      showCode(challenge, other.recoveryCodes[0] ?? ""),
      showCode(altered(challenge), next(secret)),
      showCode(challenge.toUpperCase(), recoveryCodes[0] ?? ""),
      showCode("nonsense", next(secret)),
    ]);
    for (const outcome of outcomes) {
      expectRefusal(world, outcome, unauthenticated);
      expect([outcome]).toEqual(outcomes.slice(0, 1));
    }
    expect(await showCode(challenge, next(secret))).toMatchObject({ ok: true });
  });

  test("a challenge is void once the password is another", async () => {
    const { session, recoveryCodes } = await enrolled();
    const challenge = await challengeOf(session);
    const change = { currentPassword: PASSWORD, newPassword: "walnut-harbor-sketch-58" };
    await world.get(changePassword, change, { token: session.accessToken });
    const outcome = await showCode(challenge, recoveryCodes[0] ?? "");
    expectRefusal(world, outcome, unauthenticated);
  });

  test("it is set up once, and taken away with the password only", async () => {
    const { session } = await enrolled();
    const { accessToken: token } = session;
    const second = await world.call(enrollTotp, {}, { token });
    expectRefusal(world, second, { kind: "wrongState", code: "totp_already_enabled" });
    const again = await world.call(confirmTotp, { code: "123456" }, { token });
    expectRefusal(world, again, notEnrolled);

    const wrong = await world.call(disableTotp, { password: `${PASSWORD}!` }, { token });
    expectRefusal(world, wrong, unauthenticated);
    await challengeOf(session);
    await world.get(disableTotp, { password: PASSWORD }, { token });
    expect(await showPassword(session)).toMatchObject({
      ok: true,
      value: { user: { totpEnabled: false } },
    });
    const gone = await world.call(disableTotp, { password: PASSWORD }, { token });
    expectRefusal(world, gone, notFound);
  });

  test("beginning anew gives up what was begun, and only one confirmation gets through", async () => {
    const { accessToken: token } = await tenant.addUser("sales");
    const former = await world.get(enrollTotp, {}, { token });
    const { secret } = await world.get(enrollTotp, {}, { token });
    const stale = await world.call(confirmTotp, { code: now(former.secret) }, { token });
    expectRefusal(world, stale, invalid("code wrong"));
    const code = now(secret);
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => world.call(confirmTotp, { code }, { token })),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    for (const outcome of outcomes.filter(({ ok }) => !ok)) {
      expectRefusal(world, outcome, notEnrolled);
    }
  });

  test("recovery codes come again with the same Idempotency-Key, and with it alone", async () => {
    const { accessToken: token } = await tenant.addUser("sales");
    const { secret } = await world.get(enrollTotp, {}, { token });
    const input = { code: now(secret) };
    const first = await world.get(confirmTotp, input, { token, idempotencyKey: "confirm" });
    const again = await world.get(confirmTotp, input, { token, idempotencyKey: "confirm" });
    expect(again).toEqual(first);
  });

  test("where the tenant demands it, nothing else is allowed before", async () => {
    const { admin, addUser } = await services.newTenant();
    const { accessToken: token, user } = await addUser("sales");
    await world.get(listContacts, {}, { token });
    await world.get(
      updateTenant,
      { tenant: { requireTotp: ["sales"] } },
      { token: admin.accessToken },
    );
    await eventually(async () => !(await world.call(listContacts, {}, { token })).ok, WITHIN_MS);
    for (const outcome of [
      await world.call(listContacts, {}, { token }),
      await world.call(listSessions, {}, { token }),
      await world.call(getUser, {}, { token }),
    ]) {
      expectRefusal(world, outcome, enrolmentRequired);
    }
    if (world.client.kind === "RPC") {
      const valid = await world.get(validateToken, { token }, anonymously);
      expect(valid).toMatchObject({ permissions: [], secondFactorMissing: true });
    }
    // Who has no such role is free to go on.
    await world.get(listContacts, {}, { token: admin.accessToken });

    const { secret } = await world.get(enrollTotp, {}, { token });
    expectRefusal(world, await world.call(listSessions, {}, { token }), enrolmentRequired);
    await world.get(confirmTotp, { code: now(secret) }, { token });
    await eventually(async () => (await world.call(listContacts, {}, { token })).ok, WITHIN_MS);
    expect(await world.get(getUser, {}, { token })).toMatchObject({ id: user.id });

    // A device that is lost can be replaced, and there is nothing else to be done without one.
    await world.get(disableTotp, { password: PASSWORD }, { token });
    await eventually(async () => !(await world.call(listContacts, {}, { token })).ok, WITHIN_MS);
    expectRefusal(world, await world.call(listSessions, {}, { token }), enrolmentRequired);
    await world.get(enrollTotp, {}, { token });
    await world.get(logout, {}, { token });
  });

  testCases(world, [
    {
      name: "nobody sets one up",
      as: "nobody",
      operation: enrollTotp,
      input: {},
      expected: { refusal: unauthenticated },
    },
    {
      name: "nobody confirms one",
      as: "nobody",
      operation: confirmTotp,
      input: { code: "123456" },
      expected: { refusal: unauthenticated },
    },
    {
      name: "nobody takes one away",
      as: "nobody",
      operation: disableTotp,
      input: { password: PASSWORD },
      expected: { refusal: unauthenticated },
    },
    {
      name: "what was not begun cannot be confirmed",
      as: "marketing",
      operation: confirmTotp,
      input: { code: "123456" },
      expected: { refusal: notEnrolled },
    },
    {
      name: "there is no confirmation without a code",
      as: "marketing",
      operation: confirmTotp,
      input: {},
      expected: { refusal: invalid("code required") },
    },
  ]);
});

/** The code of the present step. The service takes it, even if the next one begins meanwhile. */
function now(secret: string): string {
  return codeAt(secret, Date.now());
}

/** The code of the next step, which clocks that go differently make good already. */
function next(secret: string): string {
  return codeAt(secret, Date.now() + STEP_MS);
}

/** Six digits that are the code of no step near now. */
function wrongCode(secret: string): string {
  const near = new Set(
    [-3, -2, -1, 0, 1, 2, 3].map((steps) => codeAt(secret, Date.now() + steps * STEP_MS)),
  );
  const codes = Array.from({ length: 8 }, (_, digit) => String(digit).repeat(6));
  return codes.find((code) => !near.has(code)) ?? "";
}

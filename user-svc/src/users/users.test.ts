import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { login, resetPassword } from "../../../tools/testing/api/auth.ts";
import {
  assignRole,
  createUser,
  deleteUser,
  getUser,
  listUsers,
  resetUserPassword,
  updateUser,
} from "../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  unauthenticated,
  type World,
} from "../../../tools/testing/cases.ts";
import { PASSWORD, startServices } from "../../../tools/testing/services.ts";

const emailTaken = {
  kind: "duplicate",
  code: "email_taken",
  fields: ["email taken"],
} as const;
const stale = { kind: "stale", code: "version_mismatch" } as const;

let people = 0;
const somebody = (change: object = {}) => ({
  email: `person-${++people}@company.example`,
  fullName: "Some Person",
  role: "sales",
  ...change,
});

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const { tenant } = world;
  const anonymously = { as: "nobody" } as const;

  test("a user who is added with a password can sign in", async () => {
    const person = somebody({ email: " Nora@Company.Example ", password: PASSWORD });
    const { invitationToken, ...added } = await world.get(createUser, person);
    expect(invitationToken).toBeNull();
    expect(added).toMatchObject({
      email: "nora@company.example",
      fullName: "Some Person",
      role: "sales",
      status: "active",
      totpEnabled: false,
      version: 1,
    });
    const credentials = { tenant: tenant.slug, email: added.email, password: PASSWORD };
    expect((await world.get(login, credentials, anonymously)).user).toEqual(added);
    expect(await world.get(getUser, { id: added.id }, { as: "marketing" })).toEqual(added);
  });

  test("a user who is added without a password is invited", async () => {
    const { invitationToken, ...invited } = await world.get(createUser, somebody());
    expect(invitationToken).toMatch(/^crmi_[\w-]{64}$/);
    expect(invited.status).toBe("invited");
    const credentials = { tenant: tenant.slug, email: invited.email, password: PASSWORD };
    expectRefusal(world, await world.call(login, credentials, anonymously), unauthenticated);
    const active = { id: invited.id, status: "active" };
    const outcome = await world.call(updateUser, active);
    expectRefusal(world, outcome, { kind: "wrongState", code: "invitation_open" });
  });

  test("a repeated invitation has the same token, which is kept nowhere", async () => {
    const idempotencyKey = `key-${Bun.randomUUIDv7()}`;
    const person = somebody();
    const first = await world.get(createUser, person, { idempotencyKey });
    const second = await world.get(createUser, person, { idempotencyKey });
    expect(second).toEqual(first);
    const kept = await dump(world, "identity.idempotency_keys", "identity.one_time_tokens");
    expect(kept).toContain(first.id);
    expect(kept).not.toContain(first.email);
    expect(kept).not.toContain(idempotencyKey);
    expect(kept).not.toContain(String(first.invitationToken));
  });

  test("of ten that add the same e-mail at once, one does", async () => {
    const person = somebody();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => world.call(createUser, person)),
    );
    const refused = outcomes.filter((outcome) => !outcome.ok);
    expect(refused).toHaveLength(9);
    for (const outcome of refused) expectRefusal(world, outcome, emailTaken);
  });

  test("everybody can look at themselves", async () => {
    for (const role of ["admin", "sales"] as const) {
      const { user } = await world.sessionOf(role);
      expect(await world.get(getUser, {}, { as: role })).toEqual(user);
    }
  });

  test("the list is in pages, newest first, and has everybody once", async () => {
    for (let count = 0; count < 5; count++) await world.get(createUser, somebody());
    const everybody = await world.get(listUsers, { limit: 100 });
    const times = everybody.items.map(({ createdAt, id }) => `${createdAt} ${id}`);
    expect(times).toEqual(times.toSorted().reverse());
    const paged: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page: typeof everybody = await world.get(listUsers, {
        limit: 2,
        ...(cursor !== null && { cursor }),
      });
      expect(page.items.length).toBeLessThanOrEqual(2);
      paged.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(paged).toEqual(everybody.items);
    // A cursor is good for its own filters alone.
    const first = await world.get(listUsers, { limit: 1 });
    const other = { limit: 1, role: "sales", cursor: String(first.nextCursor) };
    const refusal = { kind: "malformed", code: "invalid_cursor" } as const;
    expectRefusal(world, await world.call(listUsers, other), refusal);
  });

  test("the list can be filtered by role, status, and what a name or an e-mail contains", async () => {
    const odd = somebody({ fullName: "Ödön 100%_sure\\", role: "marketing" });
    const { id } = await world.get(createUser, odd);
    const idsOf = async (filter: object) =>
      (await world.get(listUsers, { limit: 100, ...filter })).items.map((item) => item.id);
    expect(await idsOf({ role: "marketing", status: "invited" })).toEqual([id]);
    for (const q of ["ödön", "%_SURE\\", "0%", odd.email.toUpperCase(), odd.email.slice(0, 9)]) {
      expect(await idsOf({ q })).toContain(id);
    }
    for (const q of ["%", "_"]) expect(await idsOf({ q })).toEqual([id]);
    for (const q of ["Ödön  100", "'; --"]) expect(await idsOf({ q })).toEqual([]);
    expect(await idsOf({ role: "admin" })).toEqual([tenant.admin.user.id]);
    expect(await idsOf({ status: "disabled", q: odd.email })).toEqual([]);
  });

  test("a change is made on the version that was read, and tells the current one", async () => {
    const { id, version, updatedAt } = await world.get(createUser, somebody());
    const renamed = await world.get(updateUser, {
      id,
      fullName: "  New Name ",
      expectedVersion: version,
    });
    expect(renamed).toMatchObject({ fullName: "New Name", version: 2 });
    expect(renamed.updatedAt >= updatedAt).toBe(true);
    for (const outcome of [
      await world.call(updateUser, { id, fullName: "Late", expectedVersion: version }),
      await world.call(assignRole, { id, role: "manager", expectedVersion: version }),
      await world.call(deleteUser, { id, expectedVersion: version }),
    ]) {
      expectRefusal(world, outcome, stale);
      expect(outcome).toMatchObject({ facts: { currentVersion: "2" } });
    }
    expect(await world.get(getUser, { id })).toEqual(renamed);
    // What changes nothing is no new version.
    expect(await world.get(updateUser, { id, fullName: "New Name" })).toEqual(renamed);
    expect(await world.get(assignRole, { id, role: "sales", expectedVersion: 2 })).toEqual(renamed);
    const moved = await world.get(assignRole, { id, role: "manager", expectedVersion: 2 });
    expect(moved).toMatchObject({ role: "manager", version: 3 });
  });

  test("an e-mail can be changed, but not to one that is taken", async () => {
    const { id } = await world.get(createUser, somebody());
    const email = `changed-${id}@company.example`;
    expect(await world.get(updateUser, { id, email: email.toUpperCase() })).toMatchObject({
      email,
    });
    const outcome = await world.call(updateUser, { id, email: tenant.admin.user.email });
    expectRefusal(world, outcome, emailTaken);
  });

  test("who is disabled is signed out everywhere, and can be let in again", async () => {
    const { user, accessToken: token } = await tenant.addUser("sales");
    await world.get(deleteUser, { id: user.id });
    expectRefusal(world, await world.call(getUser, {}, { token }), unauthenticated);
    const credentials = { tenant: tenant.slug, email: user.email, password: PASSWORD };
    expectRefusal(world, await world.call(login, credentials, anonymously), unauthenticated);
    expect(await world.get(getUser, { id: user.id })).toMatchObject({
      status: "disabled",
      version: 2,
    });
    // Once more changes nothing.
    await world.get(deleteUser, { id: user.id });
    const reset = await world.call(resetUserPassword, { id: user.id });
    expectRefusal(world, reset, { kind: "wrongState", code: "user_disabled" });

    const enabled = await world.get(updateUser, { id: user.id, status: "active" });
    expect(enabled).toMatchObject({ status: "active", version: 3 });
    expectRefusal(world, await world.call(getUser, {}, { token }), unauthenticated);
    await world.get(login, credentials, anonymously);
    expect(await endReasons(world, user.id)).toEqual([null, "user_disabled"]);
  });

  test("who never had a password is invited again, and needs a new token", async () => {
    const { id } = await world.get(createUser, somebody());
    await world.get(deleteUser, { id });
    expect(await openTokens(world, id)).toBe(0);
    expect(await world.get(updateUser, { id, status: "active" })).toMatchObject({
      status: "invited",
    });
    await world.get(resetUserPassword, { id });
    expect(await openTokens(world, id)).toBe(1);
  });

  test("a password that is reset is void at once, and ends all sessions", async () => {
    const { user, accessToken: token } = await tenant.addUser("sales");
    const { resetToken } = await world.get(resetUserPassword, { id: user.id });
    expect(resetToken).toMatch(/^crmp_[\w-]{64}$/);
    expectRefusal(world, await world.call(getUser, {}, { token }), unauthenticated);
    const credentials = { tenant: tenant.slug, email: user.email, password: PASSWORD };
    expectRefusal(world, await world.call(login, credentials, anonymously), unauthenticated);
    expect(await endReasons(world, user.id)).toEqual(["password_reset"]);
    const password = `${PASSWORD} anew`;
    await world.get(resetPassword, { token: resetToken, password }, anonymously);
    await world.get(login, { ...credentials, password }, anonymously);
  });

  test("who gets another role has no token left that was issued for the former", async () => {
    const { id } = await world.get(createUser, somebody());
    expect(await openTokens(world, id)).toBe(1);
    await world.get(assignRole, { id, role: "manager" });
    expect(await openTokens(world, id)).toBe(0);
  });

  test("another role signs out, since tokens tell the role", async () => {
    const { user, accessToken: token } = await tenant.addUser("sales");
    await world.get(assignRole, { id: user.id, role: "manager" });
    expectRefusal(world, await world.call(getUser, {}, { token }), unauthenticated);
    const credentials = { tenant: tenant.slug, email: user.email, password: PASSWORD };
    const again = await world.get(login, credentials, anonymously);
    expect(again.user).toMatchObject({ role: "manager", version: 2 });
    expect(await endReasons(world, user.id)).toEqual([null, "role_changed"]);
  });

  test("a new token for a user voids the former, and so does another e-mail", async () => {
    const { id } = await world.get(createUser, somebody());
    expect(await openTokens(world, id)).toBe(1);
    await world.get(resetUserPassword, { id });
    await world.get(resetUserPassword, { id });
    expect(await openTokens(world, id)).toBe(1);
    await world.get(updateUser, { id, email: `moved-${id}@company.example` });
    expect(await openTokens(world, id)).toBe(0);
  });

  test("a user with a second factor is told to have one", async () => {
    const { user } = await tenant.addUser("marketing");
    await withClient(services.database.ownerUrl, (owner) =>
      owner.query(
        `INSERT INTO identity.second_factors (tenant_id, user_id, sealed_secret, confirmed_at)
         VALUES ($1, $2, '', now())`,
        [tenant.admin.tenant.id, user.id],
      ),
    );
    expect(await world.get(getUser, { id: user.id })).toMatchObject({ totpEnabled: true });
    const renamed = await world.get(updateUser, { id: user.id, fullName: "Two Factors" });
    expect(renamed).toMatchObject({ totpEnabled: true });
  });
});

/** All that the tables hold of the tenant, as text. */
async function dump(world: World, ...tables: string[]): Promise<string> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const found = await Promise.all(
      tables.map((table) =>
        owner.query(`SELECT t::text AS row FROM ${table} t WHERE tenant_id = $1`, [
          world.tenant.admin.tenant.id,
        ]),
      ),
    );
    return found.flatMap(({ rows }) => rows.map(({ row }) => String(row))).join("\n");
  });
}

async function openTokens(world: World, userId: string): Promise<number> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM identity.one_time_tokens
       WHERE tenant_id = $1 AND user_id = $2 AND used_at IS NULL`,
      [world.tenant.admin.tenant.id, userId],
    );
    return rows[0]?.count ?? 0;
  });
}

/** Why the user's sessions have ended, the last one first. */
async function endReasons(world: World, userId: string): Promise<(string | null)[]> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ reason: string | null }>(
      `SELECT end_reason AS reason FROM identity.sessions
       WHERE tenant_id = $1 AND user_id = $2 ORDER BY session_id DESC`,
      [world.tenant.admin.tenant.id, userId],
    );
    return rows.map(({ reason }) => reason);
  });
}

import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import { createApiKey, deleteApiKey, listApiKeys } from "../../../tools/testing/api/api-keys.ts";
import { listAudit } from "../../../tools/testing/api/audit.ts";
import { logout } from "../../../tools/testing/api/auth.ts";
import { createContact, getContact, listContacts } from "../../../tools/testing/api/contacts.ts";
import {
  checkPermission,
  createUser,
  deleteUser,
  getRolePermissions,
  getUser,
  listUsers,
  setRolePermissions,
  validateToken,
} from "../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  forbidden,
  notFound,
  unauthenticated,
  type World,
} from "../../../tools/testing/cases.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { newOpaqueToken } from "../auth/opaque-tokens.ts";

/** What the contract promises for revocations, pushed to crm-svc. */
const HEARD_WITHIN_MS = 1_000;
/** The use of a key is noted behind the answer. */
const NOTED_WITHIN_MS = 5_000;
const HOUR_MS = 3_600_000;

const inFuture = (ms: number): string => new Date(Date.now() + ms).toISOString();

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const make = (input: JsonObject = {}) =>
    world.get(createApiKey, { name: "Importer", role: "sales", ...input });

  test("a key is shown once, and kept as a hash", async () => {
    const idempotencyKey = `key-${Bun.randomUUIDv7()}`;
    const expiresAt = inFuture(HOUR_MS);
    const wanted = { name: " Importer ", role: "sales", expiresAt };
    const made = await world.get(createApiKey, wanted, { idempotencyKey });
    const { key, ...kept } = made;
    expect(key).toMatch(/^crm_[\w-]{64}$/);
    expect(kept).toMatchObject({
      name: "Importer",
      role: "sales",
      hint: key.slice(-4),
      createdBy: world.tenant.admin.user.id,
      expiresAt,
      lastUsedAt: null,
      revokedAt: null,
    });
    expect(await world.get(createApiKey, wanted, { idempotencyKey })).toEqual(made);
    const { items } = await world.get(listApiKeys, { limit: 1 });
    expect(items).toEqual([kept]);
    for (const table of ["api_keys", "audit_log", "idempotency_keys", "security_events"]) {
      expect(await dump(world, table)).not.toContain(key);
    }
  });

  test("a key signs in to both services, with its role", async () => {
    const { key: token, id } = await make();
    const { items } = await world.get(listUsers, {}, { token });
    expect(items.length).toBeGreaterThan(0);
    await world.get(listContacts, {}, { token });
    expectRefusal(world, await world.call(listApiKeys, {}, { token }), forbidden);
    expectRefusal(world, await world.call(listAudit, {}, { token }), forbidden);
    const may = { resource: "contacts", action: "create" };
    expect(await world.get(checkPermission, may, { token })).toMatchObject({ allowed: true });
    await eventually(async () => {
      const { items: keys } = await world.get(listApiKeys, {});
      return keys.some((each) => each.id === id && each.lastUsedAt !== null);
    }, NOTED_WITHIN_MS);
  });

  test("a key's use is noted once a minute", async () => {
    const { key: token, id } = await make();
    await setUsed(world, id, "30 seconds");
    const before = await lastUsed(world, id);
    await Promise.all(Array.from({ length: 5 }, () => world.get(listUsers, {}, { token })));
    expect(await lastUsed(world, id)).toBe(before);
    await setUsed(world, id, "2 minutes");
    await Promise.all(Array.from({ length: 5 }, () => world.get(listUsers, {}, { token })));
    await eventually(
      async () => Number(await lastUsed(world, id)) > Number(before),
      NOTED_WITHIN_MS,
    );
  });

  test("a key is the tenant's: it goes on without who made it, whom the list still names", async () => {
    const { user, accessToken } = await world.tenant.addUser("admin");
    const wanted = { name: "Importer", role: "sales" };
    const { key, ...made } = await world.get(createApiKey, wanted, { token: accessToken });
    await world.get(deleteUser, { id: user.id });
    expectRefusal(world, await world.call(listUsers, {}, { token: accessToken }), unauthenticated);
    await world.get(listUsers, {}, { token: key });
    const { items } = await world.get(listApiKeys, { limit: 1 });
    expect(items).toMatchObject([{ id: made.id, createdBy: user.id, revokedAt: null }]);
    await world.get(deleteApiKey, { id: made.id });
    expectRefusal(world, await world.call(listUsers, {}, { token: key }), unauthenticated);
  });

  test("what is added with a key belongs to nobody, unless somebody is named", async () => {
    const { key: token, id: keyId } = await make({ role: "manager" });
    const added = await world.get(createContact, { contact: { lastName: "Imported" } }, { token });
    expect(added.ownerUserId).toBeNull();
    const { user } = await world.sessionOf("sales");
    const owned = { contact: { lastName: "Imported", ownerUserId: user.id } };
    expect((await world.get(createContact, owned, { token })).ownerUserId).toBe(user.id);
    const { rows } = await withClient(services.database.ownerUrl, (owner) =>
      owner.query("SELECT actor_id FROM crm.audit_log WHERE entity_id = $1", [added.id]),
    );
    expect(rows).toEqual([{ actor_id: keyId }]);
  });

  test("with a permission of one's own, a key reaches nothing", async () => {
    const { id } = await world.get(createContact, { contact: { lastName: "Somebody's" } });
    const { permissions } = await world.get(getRolePermissions, { role: "marketing" });
    const own = permissions.map(({ resource, action, scope }) => ({
      resource,
      action,
      scope: resource === "contacts" && scope === "all" ? "own" : scope,
    }));
    await world.get(setRolePermissions, { role: "marketing", permissions: own });
    const { key: token } = await make({ role: "marketing" });
    expect(await world.get(listContacts, {}, { token })).toEqual({ items: [], nextCursor: null });
    expectRefusal(world, await world.call(getContact, { id }, { token }), notFound);
    const made = await world.call(createContact, { contact: { lastName: "Mine" } }, { token });
    expectRefusal(world, made, forbidden);
    const before = permissions.map(({ source, ...permission }) => permission);
    await world.get(setRolePermissions, { role: "marketing", permissions: before });
  });

  test("what needs a person's session refuses keys", async () => {
    const { key: token } = await make({ role: "admin" });
    expectRefusal(world, await world.call(logout, {}, { token }), forbidden);
    // There is no such user.
    expectRefusal(world, await world.call(getUser, {}, { token }), notFound);
  });

  test("a key of the role admin can do what an admin can, in its own name", async () => {
    const { key: token, id: keyId } = await make({ role: "admin" });
    const second = await world.get(createApiKey, { name: "By a key", role: "admin" }, { token });
    expect(second.createdBy).toBe(keyId);
    const person = { email: `by-${keyId}@company.example`, fullName: "By Key", role: "sales" };
    const { id } = await world.get(createUser, person, { token });
    const { items } = await world.get(listAudit, { entityId: id });
    expect(items).toMatchObject([{ actorId: keyId, action: "created" }]);
  });

  test("a revoked key is refused at once, and by crm-svc as soon as it has heard", async () => {
    const { key: token, id } = await make();
    await world.get(listContacts, {}, { token });
    await world.get(deleteApiKey, { id });
    expectRefusal(world, await world.call(listUsers, {}, { token }), unauthenticated);
    await eventually(
      async () => !(await world.call(listContacts, {}, { token })).ok,
      HEARD_WITHIN_MS,
    );
    expectRefusal(world, await world.call(listContacts, {}, { token }), unauthenticated);
    const { items } = await world.get(listApiKeys, { limit: 1 });
    expect(items[0]).toMatchObject({ id, revokedAt: expect.any(String) });
    // For ever: once more changes nothing.
    await world.get(deleteApiKey, { id });
    expect((await world.get(listApiKeys, { limit: 1 })).items).toEqual(items);
  });

  test("a key ends when it says, also where crm-svc remembers it", async () => {
    const { key: token } = await make({ expiresAt: inFuture(1_500) });
    await world.get(listContacts, {}, { token });
    await eventually(async () => !(await world.call(listContacts, {}, { token })).ok, 4_000);
    expectRefusal(world, await world.call(listContacts, {}, { token }), unauthenticated);
    expectRefusal(world, await world.call(listUsers, {}, { token }), unauthenticated);
  });

  test("a key is of its tenant alone", async () => {
    const { id, key } = await make();
    const other = { as: "stranger" } as const;
    expectRefusal(world, await world.call(deleteApiKey, { id }, other), notFound);
    expect((await world.get(listApiKeys, {}, other)).items).toEqual([]);
    const { tenant } = await world.sessionOf("stranger");
    // The same secret, in the name of another tenant.
    const body = Buffer.from(newOpaqueToken("api_key", tenant.id).slice(4), "base64url");
    Buffer.from(key.slice(4), "base64url").copy(body, 16, 16);
    const forged = `crm_${body.toString("base64url")}`;
    expectRefusal(world, await world.call(listUsers, {}, { token: forged }), unauthenticated);
    expectRefusal(world, await world.call(listContacts, {}, { token: forged }), unauthenticated);
  });

  if (world.client.kind === "RPC") {
    test("peers are told what a key stands for, or why for nothing", async () => {
      const nobody = { as: "nobody" } as const;
      const expiresAt = inFuture(HOUR_MS);
      const { id, key: token } = await make({ expiresAt });
      const valid = await world.get(validateToken, { token }, nobody);
      expect(valid).toMatchObject({
        kind: "apiKey",
        userId: id,
        sessionId: id,
        tenantId: world.tenant.admin.tenant.id,
        role: "sales",
        expiresAt,
      });
      const endless = await make();
      const { expiresAt: never } = await world.get(validateToken, { token: endless.key }, nobody);
      expect(never).toBeNull();

      const reasonOf = async (key: string) => {
        const outcome = await world.call(validateToken, { token: key }, nobody);
        return outcome.ok ? "none" : outcome.code;
      };
      await world.get(deleteApiKey, { id });
      expect(await reasonOf(token)).toBe("revoked");
      const { tenant } = world.tenant.admin;
      expect(await reasonOf(newOpaqueToken("api_key", tenant.id))).toBe("malformed");
      await withClient(services.database.ownerUrl, (owner) =>
        owner.query(
          "UPDATE identity.api_keys SET expires_at = now() - interval '1 s' WHERE api_key_id = $1",
          [endless.id],
        ),
      );
      expect(await reasonOf(endless.key)).toBe("expired");
    });
  }
});

async function dump(world: World, table: string): Promise<string> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ row: string }>(
      `SELECT t::text AS row FROM identity.${table} t WHERE tenant_id = $1`,
      [world.tenant.admin.tenant.id],
    );
    return rows.map(({ row }) => row).join("\n");
  });
}

async function setUsed(world: World, id: string, ago: string): Promise<void> {
  await withClient(world.services.database.ownerUrl, (owner) =>
    owner.query(
      "UPDATE identity.api_keys SET last_used_at = now() - $2::interval WHERE api_key_id = $1",
      [id, ago],
    ),
  );
}

/** In milliseconds since 1970. */
async function lastUsed(world: World, id: string): Promise<number | null> {
  return withClient(world.services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ at: Date | null }>(
      "SELECT last_used_at AS at FROM identity.api_keys WHERE api_key_id = $1",
      [id],
    );
    return rows[0]?.at?.getTime() ?? null;
  });
}

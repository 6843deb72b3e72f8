import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import { createApiKey, deleteApiKey } from "../../../tools/testing/api/api-keys.ts";
import { listAudit } from "../../../tools/testing/api/audit.ts";
import {
  assignRole,
  createUser,
  deleteUser,
  getRolePermissions,
  resetUserPassword,
  setRolePermissions,
  updateTenant,
  updateUser,
} from "../../../tools/testing/api/users.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  forbidden,
  malformed,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const refusals: readonly Case[] = [
  ...(["manager", "sales", "marketing"] as const).map(
    (as): Case => ({
      name: `${as} may not look at the audit log`,
      as,
      operation: listAudit,
      input: {},
      expected: { refusal: forbidden },
    }),
  ),
  {
    name: "the audit log is for nobody who is not signed in",
    as: "nobody",
    operation: listAudit,
    input: {},
    expected: { refusal: unauthenticated },
  },
  {
    name: "filters that cannot be read are refused",
    operation: listAudit,
    input: { entityId: "1", actorId: "me", from: "yesterday", to: "2026-02-30T00:00:00Z" },
    expected: {
      refusal: malformed(
        "entityId invalid_format",
        "actorId invalid_format",
        "from invalid_format",
        "to invalid_format",
      ),
    },
    over: "REST",
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const { admin } = world.tenant;
  const list = async (filter: JsonObject) =>
    (await world.get(listAudit, { limit: 100, ...filter })).items;

  testCases(world, refusals);

  test("what is done to a user is there: before, after, who and in which request", async () => {
    const person = { email: "p@company.example", fullName: "P", role: "sales" };
    const created = await world.call(createUser, person);
    if (!created.ok) throw new Error(JSON.stringify(created));
    const { invitationToken, ...added } = created.value;
    const { id } = added;
    await world.get(updateUser, { id, fullName: "Q", email: "q@company.example" });
    await world.get(assignRole, { id, role: "manager" });
    const { resetToken } = await world.get(resetUserPassword, { id });
    await world.get(deleteUser, { id });
    await world.get(updateUser, { id, status: "active" });
    // What changes nothing leaves no trace.
    await world.get(updateUser, { id, fullName: "Q" });
    const late = await world.call(updateUser, { id, fullName: "R", expectedVersion: 1 });
    expect(late.ok).toBe(false);

    const entries = await list({ entity: "user", entityId: id });
    expect(entries.map(({ action, before, after }) => ({ action, before, after }))).toEqual([
      { action: "enabled", before: { status: "disabled" }, after: { status: "invited" } },
      { action: "disabled", before: { status: "invited" }, after: { status: "disabled" } },
      {
        action: "password_reset_issued",
        before: null,
        after: { expiresAt: expect.any(String) },
      },
      { action: "role_changed", before: { role: "sales" }, after: { role: "manager" } },
      {
        action: "updated",
        before: { fullName: "P", email: "p@company.example" },
        after: { fullName: "Q", email: "q@company.example" },
      },
      { action: "created", before: null, after: added },
    ]);
    for (const { actorId, entity, entityId } of entries) {
      expect({ actorId, entity, entityId }).toEqual({
        actorId: admin.user.id,
        entity: "user",
        entityId: id,
      });
    }
    expect(entries.at(-1)?.requestId).toBe(String(created.headers.get("x-request-id")));
    const text = JSON.stringify(entries);
    expect(text).not.toContain(String(invitationToken));
    expect(text).not.toContain(resetToken);
  });

  test("so is what is done to the tenant, its roles and its keys", async () => {
    const tenantId = admin.tenant.id;
    await world.get(updateTenant, { tenant: { country: "DE", requireTotp: ["manager"] } });
    expect((await list({ entity: "tenant" }))[0]).toMatchObject({
      entityId: tenantId,
      action: "updated",
      before: { country: null, requireTotp: [] },
      after: { country: "DE", requireTotp: ["manager"] },
    });

    const { permissions } = await world.get(getRolePermissions, { role: "sales" });
    const wanted = permissions.map(({ source, ...permission }) =>
      permission.resource === "contacts" && permission.action === "delete"
        ? { ...permission, scope: "own" }
        : permission,
    );
    await world.get(setRolePermissions, { role: "sales", permissions: wanted });
    await world.get(setRolePermissions, { role: "sales", permissions: wanted });
    const deletion = { resource: "contacts", action: "delete" };
    expect(await list({ entity: "role" })).toMatchObject([
      {
        entityId: tenantId,
        action: "permissions_changed",
        before: { role: "sales", permissions: [{ ...deletion, scope: "none" }] },
        after: { role: "sales", permissions: [{ ...deletion, scope: "own" }] },
      },
    ]);

    const { key, ...kept } = await world.get(createApiKey, { name: "K", role: "sales" });
    await world.get(deleteApiKey, { id: kept.id });
    const entries = await list({ entity: "apiKey", entityId: kept.id });
    expect(entries).toMatchObject([
      { action: "revoked", before: { revokedAt: null }, after: { revokedAt: expect.any(String) } },
      { action: "created", before: null, after: kept },
    ]);
    expect(JSON.stringify(entries)).not.toContain(key);
  });

  test("it is in pages, newest first, filtered by all that it can be", async () => {
    const { user: other, accessToken: token } = await world.tenant.addUser("admin");
    const made: string[] = [];
    for (let count = 0; count < 4; count++) {
      const person = { email: `f-${count}@company.example`, fullName: "F", role: "sales" };
      const { id } = await world.get(createUser, person, { token });
      await world.get(updateUser, { id, fullName: "G" }, { token });
      made.push(id);
    }
    const filter = { actorId: other.id };
    const all = await list(filter);
    expect(all).toHaveLength(8);
    expect(all.map(({ entityId }) => entityId)).toEqual(
      made.toReversed().flatMap((id) => [id, id]),
    );
    const paged: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: unknown[]; nextCursor: string | null } = await world.get(listAudit, {
        ...filter,
        limit: 3,
        ...(cursor !== null && { cursor }),
      });
      paged.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(paged).toEqual(all);

    expect(await list({ ...filter, action: "created" })).toHaveLength(4);
    expect(await list({ ...filter, entity: "user", entityId: made[0] ?? "" })).toHaveLength(2);
    expect(await list({ ...filter, entity: "tenant" })).toEqual([]);
    const [newest, oldest] = [all[0], all.at(-1)].map((entry) => String(entry?.occurredAt));
    const from = String(newest);
    expect(await list({ ...filter, from })).toEqual(
      all.filter(({ occurredAt }) => occurredAt >= from),
    );
    expect(await list({ ...filter, to: String(oldest) })).toEqual([]);
    expect(await list({ ...filter, from: String(oldest), to: from })).toEqual(
      all.filter(({ occurredAt }) => occurredAt < from),
    );
    // In another time zone it is the same moment.
    const shifted = `${new Date(Date.parse(from) + 7_200_000).toISOString().slice(0, -1)}+02:00`;
    if (world.client.kind === "REST") {
      expect(await list({ ...filter, from: shifted })).toEqual(await list({ ...filter, from }));
    }
  });

  test("nobody sees another tenant's, whatever ids are asked for", async () => {
    const strangers = await world.get(listAudit, {}, { as: "stranger" });
    const { user } = await world.sessionOf("stranger");
    expect(strangers.items.some(({ entityId }) => entityId === user.id)).toBe(true);
    expect(await list({ entityId: user.id })).toEqual([]);
    expect(await list({ actorId: user.id })).toEqual([]);
    const page = await world.get(listAudit, { limit: 1 });
    const stolen = { limit: 1, cursor: String(page.nextCursor) };
    const refusal = { kind: "malformed", code: "invalid_cursor" } as const;
    expectRefusal(world, await world.call(listAudit, stolen, { as: "stranger" }), refusal);
  });
});

test("the application can neither change nor delete what is in the log", async () => {
  for (const statement of [
    "UPDATE identity.audit_log SET action = 'nothing'",
    "DELETE FROM identity.audit_log",
    "TRUNCATE identity.audit_log",
  ]) {
    const attempt = withClient(services.database.appUrl, (app) => app.query(statement));
    await expect(attempt).rejects.toThrow("permission denied");
  }
});

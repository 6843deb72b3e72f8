import { afterAll, expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { startServices, type TestTenant } from "../../../tools/testing/services.ts";

const AT_ONCE = 20;

const services = await startServices();
afterAll(() => services.stop());

async function send(
  token: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; code: string | undefined }> {
  const response = await fetch(services.userUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body && { "content-type": "application/json" }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, code: text === "" ? undefined : JSON.parse(text).code };
}

/** A tenant with 20 admins, and the sessions of them all. */
async function tenantOfAdmins(): Promise<{ tenant: TestTenant; ids: string[]; tokens: string[] }> {
  const tenant = await services.newTenant();
  const others = await Promise.all(
    Array.from({ length: AT_ONCE - 1 }, () => tenant.addUser("admin")),
  );
  const sessions = [tenant.admin, ...others];
  return {
    tenant,
    ids: sessions.map(({ user }) => user.id),
    tokens: sessions.map(({ accessToken }) => accessToken),
  };
}

async function activeAdmins({ admin }: TestTenant): Promise<string[]> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ id: string }>(
      `SELECT user_id AS id FROM identity.users
       WHERE tenant_id = $1 AND role = 'admin' AND status = 'active'`,
      [admin.tenant.id],
    );
    return rows.map(({ id }) => id);
  });
}

/** What each of them does to a user, in turn another way to take an admin away. */
function takeAway(token: string, id: string, turn: number) {
  if (turn % 3 === 0) return send(token, "DELETE", `/v1/users/${id}`);
  if (turn % 3 === 1) return send(token, "PATCH", `/v1/users/${id}`, { status: "disabled" });
  return send(token, "PUT", `/v1/users/${id}/role`, { role: "sales" });
}

test("of 20 admins who leave at once, the last one stays", async () => {
  const { tenant, ids, tokens } = await tenantOfAdmins();
  const outcomes = await Promise.all(ids.map((id, turn) => takeAway(tokens[turn] ?? "", id, turn)));
  const left = await activeAdmins(tenant);
  expect(left).toHaveLength(1);
  const refused = outcomes.filter(({ status }) => status >= 400);
  expect(refused).toEqual([{ status: 409, code: "last_admin" }]);
  // And it can still bring the others back.
  const survivor = tokens[ids.indexOf(left[0] ?? "")] ?? "";
  const somebody = ids.find((id) => id !== left[0]);
  const back = await send(survivor, "PUT", `/v1/users/${somebody}/role`, { role: "admin" });
  expect(back.status).toBe(200);
});

test("of 20 admins who take each other away at once, somebody is left", async () => {
  const { tenant, ids, tokens } = await tenantOfAdmins();
  const outcomes = await Promise.all(
    tokens.map((token, turn) => takeAway(token, ids[(turn + 1) % AT_ONCE] ?? "", turn)),
  );
  // Who was taken away before being let in is refused as signed out.
  const codes = new Set(outcomes.map(({ code, status }) => (status < 400 ? "done" : code)));
  expect(
    [...codes].filter((code) => !["done", "unauthenticated", "last_admin"].includes(code ?? "")),
  ).toEqual([]);
  const left = await activeAdmins(tenant);
  expect(left.length).toBeGreaterThanOrEqual(1);
  const done = outcomes.filter(({ status }) => status < 400).length;
  expect(left.length).toBe(AT_ONCE - done);
});

test("20 requests at once to take the last two away leave one", async () => {
  const tenant = await services.newTenant();
  const second = await tenant.addUser("admin");
  const ids = [tenant.admin.user.id, second.user.id];
  const { accessToken } = tenant.admin;
  await Promise.all(
    Array.from({ length: AT_ONCE }, (_, turn) => takeAway(accessToken, ids[turn % 2] ?? "", turn)),
  );
  expect(await activeAdmins(tenant)).toHaveLength(1);
});

import { afterAll, expect, test } from "bun:test";
import { setTimeout } from "node:timers/promises";
import { withClient } from "../../../tools/local/database.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { readRecords } from "../csv/read.ts";

const ROWS = 20_000;
/** So that all of it fits into no buffer on the way. */
const TITLE = "t".repeat(200);

const services = await startServices();
afterAll(() => services.stop());
const { admin } = await services.newTenant();
const headers = { authorization: `Bearer ${admin.accessToken}` };

await withClient(services.database.ownerUrl, async (owner) => {
  await owner.query(
    `insert into crm.contacts (tenant_id, contact_id, created_at, last_name, title, website)
     select $1, gen_random_uuid(), now() - n / 3 * interval '1 second', 'Contact ' || n, $3, $4
     from generate_series(1, $2::integer) n`,
    [admin.tenant.id, ROWS, TITLE, `https://x.example/${"w".repeat(480)}`],
  );
  // As autovacuum does soon: until then, each page sorts all rows.
  await owner.query("analyze crm.contacts");
});

async function open(): Promise<ReadableStream<Uint8Array>> {
  const url = `${services.crmUrl}/v1/contacts/export`;
  const response = await fetch(url, { headers });
  if (response.body === null) throw new Error("there is no body");
  return response.body;
}

/** How each export of the company ended, as far as it has. */
async function endings() {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ after: { rows: number; complete: boolean } }>(
      `SELECT after FROM crm.audit_log
       WHERE tenant_id = $1 AND entity = 'contactExport' AND action = 'ended' ORDER BY audit_id`,
      [admin.tenant.id],
    );
    return rows.map(({ after }) => after);
  });
}

test("each contact that was there is in the export once, whatever is added meanwhile", async () => {
  const body = await open();
  await withClient(services.database.ownerUrl, (owner) =>
    owner.query(
      `insert into crm.contacts (tenant_id, contact_id, last_name)
       select $1, gen_random_uuid(), 'Later' from generate_series(1, 100)`,
      [admin.tenant.id],
    ),
  );
  const names = new Map<string | undefined, number>();
  for await (const { cells } of readRecords(body)) {
    names.set(cells[2], (names.get(cells[2]) ?? 0) + 1);
  }
  names.delete("lastName");
  expect(names.has("Later")).toBe(false);
  expect(names.size).toBe(ROWS);
  expect(new Set(names.values())).toEqual(new Set([1]));
  expect(await endings()).toEqual([{ rows: ROWS, complete: true }]);
});

test("a client that hangs up ends the export, and the audit log says how far it came", async () => {
  const before = (await endings()).length;
  for await (const _ of await open()) {
    // Time to fill the buffers on the way, beyond which the service must not go.
    await setTimeout(200);
    break;
  }
  await eventually(async () => (await endings()).length > before, 20_000);
  const last = (await endings()).at(-1);
  expect(last?.complete).toBe(false);
  expect(last?.rows).toBeLessThan(ROWS);
});

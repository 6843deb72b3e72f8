import { afterAll, expect, test } from "bun:test";
import { openDatabase } from "@crm/platform/database";
import { openLog } from "@crm/platform/log";
import { openMetrics } from "@crm/platform/metrics";
import { withClient } from "../../../tools/local/database.ts";
import { testDatabase } from "../../../tools/testing/database.ts";
import { openMeasures } from "../measures.ts";
import type { DB } from "../tables.gen.ts";
import { keptSecurityEvents, securityEvent } from "./events.ts";

const files = await testDatabase();
const lines: string[] = [];
const log = openLog("test", "debug", { write: (line) => void lines.push(line) });
const database = openDatabase<DB>({
  url: files.appUrl,
  maxConnections: 2,
  onConnectionError: (error) => log.warn({ err: error }),
});
afterAll(async () => {
  await database.close();
  await files.drop();
});

const TENANT = Bun.randomUUIDv7();
await withClient(files.ownerUrl, (owner) =>
  owner.query("INSERT INTO identity.tenants (tenant_id, slug, name) VALUES ($1, 'x', 'X')", [
    TENANT,
  ]),
);

function open() {
  const metrics = openMetrics();
  return { metrics, ...keptSecurityEvents({ database, metrics, log }, openMeasures(metrics)) };
}

const origin = (tenantId: string) => ({
  requestId: Bun.randomUUIDv7(),
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  clientAddress: "1.2.3.4",
  actor: undefined,
  log,
  tenantId,
});

async function rows(requestId: string): Promise<number> {
  return withClient(files.ownerUrl, async (owner) => {
    const query = "SELECT FROM identity.security_events WHERE request_id = $1";
    return (await owner.query(query, [requestId])).rowCount ?? 0;
  });
}

test("what waits is written when the service stops", async () => {
  const { record, flush } = open();
  const from = origin(TENANT);
  for (let times = 0; times < 3; times++) record(from, securityEvent("login_failed"));
  await flush();
  expect(await rows(from.requestId)).toBe(3);
});

test("of a flood the log has all, the table a thousand at a time", async () => {
  const { record, flush, metrics } = open();
  const from = origin(TENANT);
  for (let times = 0; times < 1_500; times++) record(from, securityEvent("login_failed"));
  expect(lines.filter((line) => line.includes(from.requestId))).toHaveLength(1_500);
  await flush();
  expect(await rows(from.requestId)).toBe(1_000);
  record(from, securityEvent("login_failed"));
  await flush();
  expect(await rows(from.requestId)).toBe(1_001);
  expect(await metrics.registry.metrics()).toContain("security_events_not_kept_total 500");
});

test("what cannot be kept does no harm to what can", async () => {
  const { record, flush, metrics } = open();
  const from = origin(TENANT);
  record(origin(Bun.randomUUIDv7()), securityEvent("login_failed"));
  record(from, securityEvent("login_failed"));
  await flush();
  expect(await rows(from.requestId)).toBe(1);
  expect(await metrics.registry.metrics()).toContain("security_events_not_kept_total 1");
  expect(lines.some((line) => line.includes("security_events_not_kept"))).toBe(true);
});

test("the service can add events, and neither change nor delete them", async () => {
  await withClient(files.appUrl, async (app) => {
    await app.query("SELECT set_config('app.tenant_id', $1, false)", [TENANT]);
    await expect(app.query("DELETE FROM identity.security_events")).rejects.toThrow("denied");
    await expect(app.query("UPDATE identity.security_events SET event = 'x'")).rejects.toThrow(
      "denied",
    );
  });
});

import { afterAll, beforeEach, expect, test } from "bun:test";
import { sql } from "kysely";
import { withClient } from "../tools/local/database.ts";
import { testDatabase } from "../tools/testing/database.ts";
import type { AuditEntry } from "./audit.ts";
import { businessEvents } from "./business-events.ts";
import { type AttributedChange, changeTenant } from "./change.ts";
import { actions, openTestDatabase, testServices } from "./jobs.fixtures.ts";
import { openLog } from "./log.ts";
import { openMetrics } from "./metrics.ts";
import { requestContext, requestOrigin } from "./request.ts";

const files = await testDatabase();
const database = openTestDatabase(files.appUrl);
const tenantId = Bun.randomUUIDv7();
await withClient(files.ownerUrl, (owner) =>
  owner.query("insert into identity.tenants (tenant_id, slug, name) values ($1, 'x-1', 'X')", [
    tenantId,
  ]),
);
afterAll(async () => {
  await database.close();
  await files.drop();
});

const lines: string[] = [];
const log = openLog("test", "info", { write: (line: string) => void lines.push(line) });
const metrics = openMetrics();
const counted: string[] = [];
const services = {
  ...testServices(database, metrics),
  businessEvents: businessEvents(
    metrics,
    { "lead.created": "A lead.", "lead.won": "It was won." },
    (name, { entityId }) => counted.push(`${name} ${entityId}`),
  ),
};
const context = requestContext(
  requestOrigin(new Headers({ "x-request-id": "the-request-that-asked" }), "", 0),
  {
    services,
    log,
    deadline: Date.now() + 20_000,
    signal: new AbortController().signal,
  },
);

beforeEach(() => {
  lines.length = 0;
  counted.length = 0;
  metrics.businessEvents.reset();
});

function entry(action: string, entityId = Bun.randomUUIDv7()): AuditEntry {
  return { entity: "lead", entityId, action, before: null, after: { secretOfTheirs: 1 } };
}

function change(audit: AttributedChange<void>["audit"]): AttributedChange<void> {
  return { output: undefined, actorId: null, audit };
}

async function totals(): Promise<Record<string, number>> {
  const { values } = await metrics.businessEvents.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.event, value]));
}

test("each entry of a committed change is counted, and told by a line for each name", async () => {
  const one = entry("won");
  await changeTenant("crm", context, tenantId, async () =>
    change([entry("created"), entry("created"), one]),
  );
  expect(await totals()).toEqual({ "lead.created": 2, "lead.won": 1 });
  expect(counted).toHaveLength(3);
  const facts = {
    level: "info",
    requestId: "the-request-that-asked",
    traceId: expect.any(String),
    tenantId,
  };
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ event: "lead.created", ...facts, count: 2 }),
    expect.objectContaining({ event: "lead.won", ...facts, entityId: one.entityId }),
  ]);
  expect(lines.join()).not.toContain("secretOfTheirs");
});

test("what is rolled back is not told, whoever fails: the change, or its commit", async () => {
  const id = Bun.randomUUIDv7();
  const thrown = changeTenant("crm", context, tenantId, async () => {
    throw new Error("changed my mind");
  });
  expect(await thrown.catch(String)).toBe("Error: changed my mind");
  // Its error swallowed, the transaction is aborted all the same.
  const keep = async (db: Parameters<typeof services.securityEvents.keep>[0]): Promise<void> => {
    await sql`select 1 / 0`.execute(db).catch(() => {});
  };
  const failing = {
    ...context,
    services: { ...services, securityEvents: { ...services.securityEvents, keep } },
  };
  const aborted = changeTenant("crm", failing, tenantId, async () => change(entry("created", id)));
  expect(await aborted.catch(String)).toBe("Error: the transaction ended with ROLLBACK");
  expect(await actions(database, tenantId, id)).toEqual([]);
  expect(await totals()).toEqual({});
  expect([...lines, ...counted]).toEqual([]);
});

test("a change that runs twice, because of a deadlock, is told once", async () => {
  let runs = 0;
  await changeTenant("crm", context, tenantId, async () => {
    if (++runs === 1) throw Object.assign(new Error("deadlock detected"), { code: "40P01" });
    return change(entry("created"));
  });
  expect(runs).toBe(2);
  expect(await totals()).toEqual({ "lead.created": 1 });
});

test("a name that is not listed fails nothing, but is an error, and no label", async () => {
  await changeTenant("crm", context, tenantId, async () => change(entry("lost")));
  expect(await totals()).toEqual({ unlisted: 1 });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: "error", event: "business_event_unlisted", name: "lead.lost" },
    { level: "info", event: "lead.lost" },
  ]);
});

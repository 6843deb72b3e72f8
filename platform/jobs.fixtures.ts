import { sql } from "kysely";
import { z } from "zod";
import type { ChangeServices } from "./change.ts";
import { type Database, openDatabase } from "./database.ts";
import { jobs } from "./jobs.ts";
import type { Metrics } from "./metrics.ts";
import { loggedSecurityEvents } from "./security-events.ts";

export interface Tables {
  "crm.audit_log": {
    audit_id: string;
    tenant_id: string;
    request_id: string;
    actor_id: string | null;
    entity_id: string;
    action: string;
  };
}

const job = jobs<Tables, ChangeServices<Tables>>("crm");
const input = z.strictObject({ id: z.uuid(), text: z.string() });

function entry(entityId: string, action: string) {
  return { entity: "test", entityId, action, before: null, after: {} };
}

/** Leaves `text` in the audit log. */
export const note = job({
  name: "test.note",
  input,
  run: ({ change }, { id, text }) =>
    change(async () => ({ output: undefined, audit: entry(id, text) })),
});

/** The first time it leaves `started`, and goes on until it is told to end; then it leaves `text`. */
export const hang = job({
  name: "test.hang",
  input,
  async run({ context, db, change }, { id, text }) {
    const before = await db.selectFrom("crm.audit_log").where("entity_id", "=", id).execute();
    if (before.length > 0) {
      return change(async () => ({ output: undefined, audit: entry(id, text) }));
    }
    await change(async () => ({ output: undefined, audit: entry(id, "started") }));
    // Who listens from now on does not hear of what was before.
    context.signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    context.signal.addEventListener("abort", () => reject(context.signal.reason));
    return promise;
  },
});

/** Goes on until it is replaced, which it leaves word of. One that comes after another is done at once. */
export const relay = job({
  name: "test.relay",
  input,
  async run({ context, db, change, replaced }, { id, text }) {
    const leave = (action: string) =>
      change(async () => ({ output: undefined, audit: entry(id, action) }));
    const before = await db.selectFrom("crm.audit_log").where("entity_id", "=", id).execute();
    await leave(text);
    if (before.length > 0) return;
    while (!(await replaced())) {
      context.signal.throwIfAborted();
      await Bun.sleep(10);
    }
    await leave(`${text} was replaced`);
  },
});

export const fail = job({
  name: "test.fail",
  input,
  run: () => Promise.reject(new Error("this job fails on purpose")),
});

/** For which tenants `scheduled` is due. */
export const dueTenants: string[] = [];

export const scheduled = job({
  name: "test.scheduled",
  input: z.strictObject({}),
  schedule: { everyMinutes: 1, due: async () => dueTenants },
  run: ({ change }) =>
    change(async () => ({ output: undefined, audit: entry(Bun.randomUUIDv7(), "scheduled") })),
});

export function openTestDatabase(url: string): Database<Tables> {
  return openDatabase({ url, maxConnections: 4, onConnectionError: () => {} });
}

export function testServices(database: Database<Tables>, metrics: Metrics): ChangeServices<Tables> {
  return {
    database,
    securityEvents: loggedSecurityEvents(metrics),
    businessEvents: { tell: () => {} },
  };
}

/** The actions in a tenant's audit log, in the order in which they came. */
export async function actions(
  database: Database<Tables>,
  tenantId: string,
  id?: string,
): Promise<string[]> {
  const rows = await database
    .reader({ tenantId, deadline: Date.now() + 10_000 })
    .selectFrom("crm.audit_log")
    .select("action")
    .where(id === undefined ? sql<boolean>`true` : sql<boolean>`entity_id = ${id}::uuid`)
    .orderBy("audit_id")
    .execute();
  return rows.map((row) => row.action);
}

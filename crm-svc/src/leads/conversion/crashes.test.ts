import { afterAll, expect, test } from "bun:test";
import { withClient } from "../../../../tools/local/database.ts";
import { listCrmAudit } from "../../../../tools/testing/api/audit.ts";
import { createContact, getContact } from "../../../../tools/testing/api/contacts.ts";
import { getTimeline } from "../../../../tools/testing/api/interactions.ts";
import {
  convertLead,
  createLead,
  getLead,
  getLeadHistory,
  listCustomers,
} from "../../../../tools/testing/api/leads.ts";
import type { ApiOperation } from "../../../../tools/testing/api/operation.ts";
import { http1, restClient } from "../../../../tools/testing/clients/rest.ts";
import { eventually } from "../../../../tools/testing/eventually.ts";
import { crmEnvironment } from "../../../../tools/testing/service-environment.ts";
import { type ServiceProcess, startProcess } from "../../../../tools/testing/service-process.ts";
import { startServices } from "../../../../tools/testing/services.ts";
import { expectAgreement } from "../agreement.fixtures.ts";

const services = await startServices();
const tenant = await services.newTenant();
const token = tenant.admin.accessToken;
/** Goes on, whoever else dies. */
const rest = restClient("REST", services, () => http1);
const running: ServiceProcess[] = [];

afterAll(async () => {
  for (const service of running) await service.signal("SIGKILL");
  await services.stop();
});

/** What a conversion writes to: first of all; in the middle, by a trigger; and last. */
const WRITES = ["customers", "lead_states", "audit_log"] as const;
const CASES = WRITES.flatMap((table) => [
  { table, repeated: "with its key", keyed: true },
  { table, repeated: "without a key", keyed: false },
]);

test.each(CASES)(
  "killed before it writes to $table, and repeated $repeated: one customer",
  async ({ table, keyed }) => {
    const of = await addLead(keyed);
    const doomed = await startCrm();
    const outcome = await halfWay(table, {
      convert: () => convert(doomed.url, of),
      end: () => doomed.signal("SIGKILL"),
    });
    expect(outcome).toBe("no answer");
    await expectConvertedOnce(of);
  },
  60_000,
);

test.each(CASES)(
  "its session ended before it writes to $table, and repeated $repeated: one customer",
  async ({ table, keyed }) => {
    const of = await addLead(keyed);
    const outcome = await halfWay(table, {
      convert: () => convert(services.crmUrl, of),
      // A role may end its own sessions only.
      end: (backend) =>
        withClient(services.database.appUrl, async (app) => {
          await app.query("select pg_terminate_backend($1)", [backend]);
        }),
    });
    expect(outcome).toBe("unavailable");
    await expectConvertedOnce(of);
  },
);

test.each([
  ["with its key", true],
  ["without a key", false],
])(
  "killed once it has committed, and repeated %s: one customer",
  async (_, keyed) => {
    const of = await addLead(keyed);
    const doomed = await startCrm();
    const answer = convert(doomed.url, of);
    await eventually(async () => (await get(getLead, { id: of.leadId })).status === "won", 10_000);
    await doomed.signal("SIGKILL");
    // Whether it could still answer is left to chance.
    await answer;
    await expectConvertedOnce(of);
  },
  60_000,
);

interface Conversion {
  readonly leadId: string;
  readonly contactId: string;
  readonly idempotencyKey: string | undefined;
}

/** Lets a conversion come as far as its first write to a table, ends it there, and tells its outcome. */
async function halfWay(
  table: (typeof WRITES)[number],
  {
    convert,
    end,
  }: {
    readonly convert: () => Promise<string>;
    readonly end: (backend: number) => Promise<void>;
  },
): Promise<string> {
  return withClient(services.database.ownerUrl, async (owner) => {
    await owner.query("begin");
    // Against writing, not against reading.
    await owner.query(`lock table crm.${table} in share mode`);
    const { rows } = await owner.query<{ pid: number }>("select pg_backend_pid() as pid");
    const blocked = async (): Promise<number | undefined> => {
      const found = await owner.query<{ pid: number }>(
        "select pid from pg_stat_activity where $1 = any (pg_blocking_pids(pid))",
        [rows[0]?.pid],
      );
      return found.rows[0]?.pid;
    };
    const answer = convert();
    await eventually(async () => (await blocked()) !== undefined, 10_000);
    const backend = (await blocked()) ?? 0;
    await end(backend);
    const outcome = await answer;
    await owner.query("commit");
    // PostgreSQL only notices that nobody is there any more when it would answer.
    await eventually(async () => {
      const alive = "select from pg_stat_activity where pid = $1";
      return (await owner.query(alive, [backend])).rowCount === 0;
    }, 10_000);
    return outcome;
  });
}

/** `done`, or the code of the failure, or that there was no answer. */
async function convert(crmUrl: string, { leadId, idempotencyKey }: Conversion): Promise<string> {
  const client = restClient("REST", { ...services, crmUrl }, () => http1);
  try {
    const outcome = await client.call(convertLead, { id: leadId }, { token, idempotencyKey });
    return outcome.ok ? "done" : outcome.code;
  } catch (error) {
    // Of the connection: what the client itself complains of has none.
    if (error instanceof Error && "code" in error) return "no answer";
    throw error;
  }
}

/** Repeats a conversion, and looks whether all that tells of it tells that it happened once. */
async function expectConvertedOnce({
  leadId: id,
  contactId,
  idempotencyKey,
}: Conversion): Promise<void> {
  for (let repeats = 0; repeats < 2; repeats++) {
    const repeated = await rest.call(convertLead, { id }, { token, idempotencyKey });
    expect(repeated).toMatchObject({ ok: true, value: { leadId: id, contactId } });
  }
  const { items: customers } = await get(listCustomers, { contactId });
  expect(customers).toHaveLength(1);
  const customerId = customers[0]?.id ?? "";
  const lead = await get(getLead, { id });
  expect(lead).toMatchObject({ status: "won", version: 2, customerId });
  expect(await get(getContact, { id: contactId })).toMatchObject({
    ...{ lifecycleStage: "customer", version: 2 },
  });
  expect(await actionsOf("lead", id)).toEqual(["converted", "created"]);
  expect(await actionsOf("customer", customerId)).toEqual(["created"]);
  expect(await actionsOf("contact", contactId)).toEqual(["updated", "created"]);
  const { transitions } = await get(getLeadHistory, { id });
  expect(transitions.map(({ to }) => to)).toEqual(["new", "won"]);
  const { items } = await get(getTimeline, { id: contactId });
  const told = items.map(({ kind, action }) => `${kind} ${action}`);
  // What one transaction did has one time.
  expect(told.toSorted()).toEqual([
    ...["change created", "change updated", "conversion converted", "lead created"],
  ]);
  await expectAgreement(services.database.ownerUrl, id);
}

async function actionsOf(entity: string, entityId: string): Promise<string[]> {
  const { items } = await get(listCrmAudit, { entity, entityId });
  return items.map(({ action }) => action);
}

async function addLead(keyed: boolean): Promise<Conversion> {
  const contact = { lastName: Bun.randomUUIDv7() };
  const { id: contactId } = await get(createContact, { contact });
  const value = { amount: "1200.00", currency: "EUR" };
  const { id: leadId } = await get(createLead, { lead: { contactId, title: "L", value } });
  return { leadId, contactId, idempotencyKey: keyed ? Bun.randomUUIDv7() : undefined };
}

async function get<Value>(
  operation: ApiOperation<Value>,
  input: Parameters<NonNullable<ApiOperation<Value>["message"]>>[0],
): Promise<Value> {
  const outcome = await rest.call(operation, input, { token });
  if (outcome.ok) return outcome.value;
  throw new Error(`${operation.method.name} was refused: ${JSON.stringify(outcome)}`);
}

async function startCrm(): Promise<ServiceProcess> {
  const service = await startProcess("crm-svc", {
    ...crmEnvironment(services.database, services.userUrl),
    GRACE_SECONDS: "0",
  });
  running.push(service);
  return service;
}

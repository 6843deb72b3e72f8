import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { getImport, importContacts } from "../../../tools/testing/api/imports.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { crmEnvironment } from "../../../tools/testing/service-environment.ts";
import { type ServiceProcess, startProcess } from "../../../tools/testing/service-process.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { BATCH_ROWS } from "./receive.ts";

// Nothing but the processes that are killed works on the imports.
const services = await startServices({ JOBS_AT_ONCE: "0" });
const rest = restClient("REST", services, () => http1);
const running: ServiceProcess[] = [];

afterAll(async () => {
  for (const service of running) await service.signal("SIGKILL");
  await services.stop();
});

/** CRASH_ROWS=200000 CRASH_KILLS=10 for more, which takes some minutes. */
const ROWS = Number(process.env["CRASH_ROWS"] ?? 4_000);
const KILLS = Number(process.env["CRASH_KILLS"] ?? 4);
const WITHIN_MS = 120_000 + ROWS * 5;
setDefaultTimeout(2 * WITHIN_MS);

async function startCrm(): Promise<ServiceProcess> {
  const service = await startProcess("crm-svc", {
    ...crmEnvironment(services.database, services.userUrl),
    GRACE_SECONDS: "0",
  });
  running.push(service);
  return service;
}

type Counts = Record<
  "read" | "created" | "contacts" | "people" | "entries" | "results" | "batches",
  number
>;

/**
 * How many rows the import says that it has read, and how many contacts it has made; how many there are,
 * people, entries of their making, results, and batches to come. All as of one moment, since PostgreSQL
 * may still commit for who was killed.
 */
async function counts(tenantId: string): Promise<Counts> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<Counts>(
      `select (select rows_read from crm.imports where tenant_id = $1) as read,
         (select created from crm.imports where tenant_id = $1) as created,
         count(*)::int as contacts, count(distinct email)::int as people,
         (select count(*)::int from crm.audit_log where tenant_id = $1 and entity = 'contact') as entries,
         (select count(*)::int from crm.import_results where tenant_id = $1) as results,
         (select count(*)::int from crm.import_batches where tenant_id = $1) as batches
       from crm.contacts where tenant_id = $1`,
      [tenantId],
    );
    const [found] = rows;
    if (found === undefined) throw new Error("counting gave no row");
    return found;
  });
}

test("kill -9 in the middle, again and again: each row is there once", async () => {
  const tenant = await services.newTenant();
  const token = tenant.admin.accessToken;
  // One in ten is there twice, and one in a hundred is none.
  const rows = Array.from({ length: ROWS }, (_, at) =>
    at % 100 === 99 ? "X,no mail" : `Person ${at},p${at % 10 === 9 ? at - 1 : at}@crash.example`,
  );
  const file = `First name,E-mail\n${rows.join("\n")}\n`;
  const answer = await rest.call(importContacts, { file }, { token });
  if (!answer.ok) throw new Error(JSON.stringify(answer));
  const { id } = answer.value;
  const state = async () => {
    const found = await rest.call(getImport, { id }, { token });
    if (!found.ok) throw new Error(JSON.stringify(found));
    return found.value;
  };

  for (let kills = 0; kills < KILLS; kills++) {
    const { rowsRead } = await state();
    const service = await startCrm();
    const further = Math.random() * (ROWS / KILLS - BATCH_ROWS);
    await eventually(async () => (await state()).rowsRead > rowsRead + further, WITHIN_MS);
    // Anywhere in the batch that comes next.
    await Bun.sleep(Math.random() * 300);
    await service.signal("SIGKILL");
    const { read, batches, created, ...there } = await counts(tenant.admin.tenant.id);
    const all = { contacts: created, people: created, entries: created, results: created };
    expect(there).toEqual(all);
    expect(read + batches * BATCH_ROWS).toBe(ROWS);
  }
  await startCrm();
  await eventually(async () => (await state()).status === "done", WITHIN_MS);
  const made = ROWS * 0.9;
  expect(await state()).toMatchObject({
    ...{ rowsTotal: ROWS, rowsRead: ROWS, created: made },
    ...{ skipped: ROWS * 0.09, failed: ROWS * 0.01 },
  });
  expect(await counts(tenant.admin.tenant.id)).toEqual({
    ...{ read: ROWS, batches: 0 },
    ...{ created: made, contacts: made, people: made, entries: made, results: made },
  });
});

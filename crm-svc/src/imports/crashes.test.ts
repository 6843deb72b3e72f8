import { afterAll, expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { getImport, importContacts } from "../../../tools/testing/api/imports.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { type ServiceProcess, startProcess } from "../../../tools/testing/service-process.ts";
import { startServices } from "../../../tools/testing/services.ts";

// Nothing but the processes that are killed works on the imports.
const services = await startServices({ JOBS_AT_ONCE: "0" });
const rest = restClient("REST", services, () => http1);
const running: ServiceProcess[] = [];

afterAll(async () => {
  for (const service of running) await service.signal("SIGKILL");
  await services.stop();
});

const ROWS = 4_000;
const KILLS = 4;

async function startCrm(): Promise<ServiceProcess> {
  const service = await startProcess("crm-svc", {
    NODE_ENV: "test",
    PORT: "0",
    DATABASE_URL: services.database.appUrl,
    USER_SVC_URL: services.userUrl,
    CURSOR_SECRET: "a secret that is good for tests only",
    GRACE_SECONDS: "0",
  });
  running.push(service);
  return service;
}

/** How many contacts there are, people, entries of their making, and results. */
async function counts(tenantId: string) {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query(
      `select count(*)::int as contacts, count(distinct email)::int as people,
         (select count(*)::int from crm.audit_log where tenant_id = $1 and entity = 'contact') as entries,
         (select count(*)::int from crm.import_results where tenant_id = $1) as results,
         (select count(*)::int from crm.import_batches where tenant_id = $1) as batches
       from crm.contacts where tenant_id = $1`,
      [tenantId],
    );
    return rows[0];
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
    await eventually(async () => (await state()).rowsRead > rowsRead, 60_000);
    // Anywhere in the batch that comes next.
    await Bun.sleep(Math.random() * 300);
    await service.signal("SIGKILL");
  }
  await startCrm();
  await eventually(async () => (await state()).status === "done", 120_000);
  const made = ROWS * 0.9;
  expect(await state()).toMatchObject({
    ...{ rowsTotal: ROWS, rowsRead: ROWS, created: made },
    ...{ skipped: ROWS * 0.09, failed: ROWS * 0.01 },
  });
  expect(await counts(tenant.admin.tenant.id)).toEqual({
    ...{ contacts: made, people: made, entries: made, results: made, batches: 0 },
  });
}, 300_000);

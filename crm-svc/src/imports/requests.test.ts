import { afterAll, expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { importContacts, undoImport, watchImport } from "../../../tools/testing/api/imports.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { crmEnvironment } from "../../../tools/testing/service-environment.ts";
import { startProcess } from "../../../tools/testing/service-process.ts";
import { startServices } from "../../../tools/testing/services.ts";

// Nothing is worked through until a process for it is started.
const services = await startServices({ JOBS_AT_ONCE: "0" });
const rest = restClient("REST", services, () => http1);

afterAll(() => services.stop());

/** Requests that changed these, by what was changed and how. */
async function requests(tenantId: string): Promise<Record<string, string>> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ change: string; request_id: string }>(
      `select entity || ' ' || coalesce(coalesce(after, before) ->> 'email', after ->> 'fileName')
         || ' ' || action as change, request_id
       from crm.audit_log where tenant_id = $1`,
      [tenantId],
    );
    return Object.fromEntries(rows.map((row) => [row.change, row.request_id]));
  });
}

test("what imports do bears the id of the request that asked for each, whichever added the job", async () => {
  const { admin } = await services.newTenant();
  const token = admin.accessToken;
  const imports: string[] = [];
  for (const name of ["first", "second"]) {
    const input = { file: `E-mail\n${name}@requests.example\n`, fileName: name };
    const answer = await rest.call(importContacts, input, { token });
    if (!answer.ok) throw new Error(JSON.stringify(answer));
    imports.push(answer.value.id);
  }
  const service = await startProcess("crm-svc", {
    ...crmEnvironment(services.database, services.userUrl),
    GRACE_SECONDS: "0",
  });
  try {
    for (const id of imports) await rest.call(watchImport, { id }, { token });
    for (const id of imports) await rest.call(undoImport, { id }, { token });
    for (const id of imports) await rest.call(watchImport, { id }, { token });
  } finally {
    await service.signal("SIGKILL");
  }
  const by = await requests(admin.tenant.id);
  for (const name of ["first", "second"]) {
    const contact = `contact ${name}@requests.example`;
    const { [`import ${name} created`]: uploaded, [`import ${name} undoing`]: undoing } = by;
    expect(by).toMatchObject({
      [`${contact} created`]: uploaded,
      [`import ${name} finished`]: uploaded,
      [`${contact} deleted`]: undoing,
      [`import ${name} undone`]: undoing,
    });
  }
  expect(new Set(Object.values(by)).size).toBe(4);
}, 60_000);

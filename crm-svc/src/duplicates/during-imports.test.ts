import { afterAll, expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { createContact } from "../../../tools/testing/api/contacts.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { compareQueued } from "../../../tools/testing/duplicates.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { findDuplicates } from "./job.ts";

const services = await startServices();
const rest = restClient("REST", services, () => http1);

afterAll(() => services.stop());

test("contacts are not compared while an import runs, and are when it has ended", async () => {
  const tenant = await services.newTenant();
  const tenantId = tenant.admin.tenant.id;
  const token = tenant.admin.accessToken;
  await withClient(services.database.ownerUrl, async (owner) => {
    const first = async (text: string, ...values: unknown[]) =>
      (await owner.query(text, [tenantId, ...values])).rows[0];
    const queued = () =>
      first("select count(*)::int from crm.duplicate_queue where tenant_id = $1");

    await first(
      `insert into crm.imports (tenant_id, import_id, status, mode, dry_run, mapping, created_by)
       values ($1, gen_random_uuid(), 'running', 'skip', false, '{}', gen_random_uuid())`,
    );
    const contact = { firstName: "Ada", email: "ada@wait.example" };
    expect(await rest.call(createContact, { contact }, { token })).toMatchObject({ ok: true });
    await first(
      `select from graphile_worker.add_job($2, json_build_object(
         'tenantId', $1::uuid, 'requestId', 'compare', 'input', '{}'::json), job_key => 'compare')`,
      findDuplicates.name,
    );
    await eventually(async () => {
      const left = await owner.query(
        "select from graphile_worker._private_jobs where key = 'compare'",
      );
      return left.rowCount === 0;
    }, 20_000);
    expect(await queued()).toEqual({ count: 1 });

    await first("update crm.imports set status = 'done' where tenant_id = $1");
    await compareQueued(services, tenantId);
    expect(await queued()).toEqual({ count: 0 });
  });
}, 60_000);

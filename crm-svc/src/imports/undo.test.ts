import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type pg from "pg";
import { withClient } from "../../../tools/local/database.ts";
import { listContacts, updateContact } from "../../../tools/testing/api/contacts.ts";
import { importContacts, undoImport, watchImport } from "../../../tools/testing/api/imports.ts";
import type { ApiOperation } from "../../../tools/testing/api/operation.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { BATCH_ROWS } from "./receive.ts";
import type { ContactImport } from "./schema.ts";

// What others do to contacts while an import, or its undoing, is at them.

const services = await startServices();
const rest = restClient("REST", services, () => http1);
const { admin } = await services.newTenant();
const tenantId = admin.tenant.id;

afterAll(() => services.stop());

const WITHIN_MS = 20_000;
setDefaultTimeout(3 * WITHIN_MS);

async function get<Value>(operation: ApiOperation<Value>, input: JsonObject): Promise<Value> {
  const outcome = await rest.call(operation, input, { token: admin.accessToken });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome));
  return outcome.value;
}

async function ended(id: string): Promise<ContactImport | undefined> {
  return (await get(watchImport, { id })).at(-1);
}

async function contactOf(email: string) {
  const { items } = await get(listContacts, { email });
  const [contact] = items;
  if (contact === undefined) throw new Error(`${email} is not there`);
  return contact;
}

/** Until somebody waits for what the client's transaction holds. */
async function waitedFor(client: pg.Client): Promise<void> {
  await eventually(async () => {
    const { rowCount } = await client.query(
      `select from pg_locks where not granted and locktype = 'transactionid'
       and transactionid = pg_current_xact_id()::xid`,
    );
    return rowCount === 1;
  }, WITHIN_MS);
}

test("a contact that somebody is just working with is kept", async () => {
  const { id } = await get(importContacts, { file: "E-mail\nused@undo.example\n" });
  expect(await ended(id)).toMatchObject({ created: 1 });
  const contact = await contactOf("used@undo.example");
  await withClient(services.database.ownerUrl, async (owner) => {
    await owner.query("begin");
    await owner.query(
      `insert into crm.interactions (tenant_id, interaction_id, contact_id, type, occurred_at)
       values ($1, gen_random_uuid(), $2, 'call', now())`,
      [tenantId, contact.id],
    );
    await get(undoImport, { id });
    await waitedFor(owner);
    await owner.query("commit");
  });
  expect(await ended(id)).toMatchObject({ status: "undone", removed: 0, kept: 1 });
  expect(await contactOf("used@undo.example")).toEqual(contact);
});

test("what somebody has changed between two rows about a contact is kept", async () => {
  const people = (batch: number) =>
    Array.from({ length: BATCH_ROWS - 1 }, (_, at) => `${batch}-${at}@undo.example,Filler`);
  await get(importContacts, { file: "E-mail\nheld@undo.example\n" }).then(({ id }) => ended(id));
  const held = await contactOf("held@undo.example");
  const rows = [
    ...["edited@undo.example,First", ...people(0)],
    // At this one it is stopped.
    ...["held@undo.example,Held", ...people(1)],
    "edited@undo.example,Third",
  ];
  const file = `E-mail,Company\n${rows.join("\n")}\n`;
  const id = await withClient(services.database.ownerUrl, async (owner) => {
    await owner.query("begin");
    await owner.query(
      "select from crm.contacts where tenant_id = $1 and contact_id = $2 for update",
      [tenantId, held.id],
    );
    const started = await get(importContacts, { file, mode: "update" });
    await waitedFor(owner);
    const { id: editedId } = await contactOf("edited@undo.example");
    await get(updateContact, { id: editedId, contact: { title: "By hand" } });
    await owner.query("commit");
    return started.id;
  });
  expect(await ended(id)).toMatchObject({ created: 2 * BATCH_ROWS - 1, updated: 2 });
  await get(undoImport, { id });
  expect(await ended(id)).toMatchObject({ removed: 2 * BATCH_ROWS - 2, restored: 1, kept: 1 });
  expect(await contactOf("edited@undo.example")).toMatchObject({
    ...{ company: "Third", title: "By hand", version: 3 },
  });
});

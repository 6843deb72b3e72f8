import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { withClient } from "../../../tools/local/database.ts";
import { setContactFields } from "../../../tools/testing/api/contacts.ts";
import { exportContacts } from "../../../tools/testing/api/exports.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { startServices } from "../../../tools/testing/services.ts";
import type { ContactField } from "../contact-fields/schema.ts";
import { rowOf } from "../contacts/rows.ts";
import { type Contact, type contact, lifecycleStage } from "../contacts/schema.ts";
import { rowFields } from "../csv/fields.ts";
import { mapHeaders } from "../csv/headers.ts";
import { readRecords } from "../csv/read.ts";

const FIELDS: readonly ContactField[] = [
  { name: "note", label: null, type: "text", required: false, options: [] },
  { name: "size", label: null, type: "number", required: false, options: [] },
  { name: "agreed", label: null, type: "consent", required: false, options: [] },
  { name: "colours", label: null, type: "options", required: false, options: ["a;b", "c"] },
];
const MOST = 1_000;

const services = await startServices();
afterAll(() => services.stop());
const { admin } = await services.newTenant();
const client = restClient("REST", services, () => http1);
const as = { token: admin.accessToken };
await client.call(setContactFields, { fields: FIELDS.map((field) => ({ ...field })) }, as);

const trimmed = (most: number) =>
  fc
    .string({
      unit: fc.oneof(
        fc.constantFrom(
          "=",
          "+",
          "-",
          "@",
          "'",
          '"',
          ",",
          ";",
          ":",
          "\\",
          "\t",
          "\r",
          "\n",
          " ",
          "＝",
        ),
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
      ),
      maxLength: most,
    })
    .map((text) => text.trim())
    .filter((text) => text !== "" && text.isWellFormed() && !text.includes("\0"));

const maybe = (value: fc.Arbitrary<string>) => fc.option(value, { nil: null });
const contacts: fc.Arbitrary<Contact> = fc.record({
  id: fc.uuid({ version: 7 }),
  firstName: maybe(trimmed(30)),
  lastName: trimmed(30),
  email: maybe(fc.constantFrom("a@x.example", "+b@x.example")),
  phone: fc.constant(null),
  phoneOriginal: maybe(trimmed(20)),
  company: maybe(trimmed(30)),
  title: maybe(trimmed(30)),
  website: maybe(fc.constant("https://x.example/?a=1,2")),
  address: fc.option(
    fc.record({
      street: maybe(trimmed(30)),
      city: trimmed(30),
      region: maybe(trimmed(30)),
      postalCode: maybe(trimmed(10)),
      country: maybe(fc.constantFrom("DE", "FR")),
    }),
    { nil: null },
  ),
  tags: fc.array(trimmed(20), { maxLength: 5 }),
  source: maybe(trimmed(20)),
  lifecycleStage: fc.constantFrom(...lifecycleStage.options),
  ownerUserId: maybe(fc.constant(admin.user.id)),
  custom: fc.record(
    {
      note: trimmed(30),
      size: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value || 0),
      agreed: fc.boolean(),
      colours: fc.subarray(["a;b", "c"], { minLength: 1 }),
    },
    { requiredKeys: [] },
  ),
  version: fc.constant(1),
  createdAt: fc.constant("2026-01-31T09:00:00.000Z"),
  updatedAt: fc.constant("2026-01-31T09:00:00.000Z"),
} satisfies { [Name in keyof ReturnType<typeof contact.parse>]: unknown });

/** What a contact's row must say of it. */
function sayingOf(given: Contact) {
  const {
    id,
    phone: _phone,
    phoneOriginal,
    version: _v,
    createdAt: _c,
    updatedAt: _u,
    ...rest
  } = given;
  const filled = (values: object): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(values).filter(
        ([, value]) => value !== null && (!Array.isArray(value) || value.length > 0),
      ),
    );
  const { address, custom } = rest;
  return {
    fields: {
      id,
      contact: filled({
        ...rest,
        phone: phoneOriginal?.split(" ::: ", 1)[0] ?? null,
        address: address && filled(address),
        custom: Object.keys(custom).length > 0 ? { ...custom } : null,
      }),
    },
  };
}

/** Puts contacts into the table as they are, beyond what the service would take. */
async function insert(contacts: readonly Contact[]): Promise<void> {
  const rows = contacts.map((each) => ({
    ...rowOf(each),
    custom: each.custom,
    contact_id: each.id,
    tenant_id: admin.tenant.id,
  }));
  const columns = Object.keys(rows[0] ?? {}).join(", ");
  await withClient(services.database.ownerUrl, (owner) =>
    owner.query(
      `INSERT INTO crm.contacts (${columns})
       SELECT ${columns} FROM jsonb_populate_recordset(null::crm.contacts, $1)`,
      [JSON.stringify(rows)],
    ),
  );
}

test("what was exported says the same when it is imported, and no cell is a formula", async () => {
  const given = new Map(fc.sample(contacts, MOST).map((each) => [each.id, each]));
  await insert([...given.values()]);
  const file = await client.call(exportContacts, {}, as);
  if (!file.ok) throw new Error(file.message);
  async function* bytes(text: string) {
    yield Buffer.from(text);
  }
  const [headers, ...records] = await Array.fromAsync(readRecords(bytes(file.value)));
  const mapping = mapHeaders(headers?.cells ?? [], FIELDS);
  expect(mapping.ignored).toEqual(["createdAt", "updatedAt"]);
  expect(records).toHaveLength(given.size);
  for (const record of records) {
    const exported = given.get(record.cells[0] ?? "");
    if (exported === undefined) throw new Error(`${record.cells[0]} was not there`);
    expect(rowFields(mapping, FIELDS, record)).toEqual(sayingOf(exported));
  }
  const cells = records.flatMap((record) => record.cells);
  expect(cells.filter((cell) => /^[=+\-@\t\r＝＋－＠]/.test(cell))).toEqual([]);
});

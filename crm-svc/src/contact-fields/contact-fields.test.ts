import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { listCrmAudit } from "../../../tools/testing/api/audit.ts";
import {
  createContact,
  getContact,
  getContactFields,
  setContactFields,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  forbidden,
  invalid,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";
import type { ContactField } from "./schema.ts";

const size: ContactField = {
  name: "size",
  label: "Staff",
  type: "number",
  required: false,
  options: [],
};
const plan: ContactField = {
  name: "plan",
  label: null,
  type: "option",
  required: true,
  options: ["S", "L"],
};

const who: readonly Case[] = [
  {
    name: "of a new company there are no fields",
    as: "sales",
    operation: getContactFields,
    input: {},
    expected: { value: { fields: [], version: 1 } },
  },
  ...(["sales", "marketing"] as const).map(
    (as): Case => ({
      name: `${as} may not set the fields`,
      as,
      operation: setContactFields,
      input: { fields: [] },
      expected: { refusal: forbidden },
    }),
  ),
  ...[getContactFields, setContactFields].map(
    (operation): Case => ({
      name: `${operation.method.name} is for users only`,
      as: "nobody",
      operation,
      input: operation === setContactFields ? { fields: [] } : {},
      expected: { refusal: unauthenticated },
    }),
  ),
];

const BAD: readonly (readonly [field: JsonObject, ...faults: string[]])[] = [
  [{ type: "text" }, "fields[0].name required"],
  [{ name: "Größe", type: "text" }, "fields[0].name invalid_format"],
  [{ name: "a b", type: "text" }, "fields[0].name invalid_format"],
  [{ name: "a", type: "colour" }, "fields[0].type invalid_value"],
  [{ name: "a", type: "option" }, "fields[0].options required"],
  [{ name: "a", type: "text", options: ["b"] }, "fields[0].options unexpected"],
  [{ name: "a", type: "option", options: [" "] }, "fields[0].options[0] too_small"],
  [{ name: "a".repeat(51), type: "text" }, "fields[0].name too_big"],
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const set = (...fields: JsonObject[]) => world.get(setContactFields, { fields });
  const add = (custom: JsonObject) =>
    world.get(createContact, { contact: { firstName: "Custom", custom } });

  testCases(world, who);
  testCases(
    world,
    BAD.map(
      ([field, ...faults]): Case => ({
        name: `a field ${JSON.stringify(field).slice(0, 60)} is refused`,
        operation: setContactFields,
        input: { fields: [field] },
        expected: { refusal: invalid(...faults) },
        // A message has no field without a name or a type: they are empty there.
        ...(!("name" in field) && { over: "REST" as const }),
      }),
    ),
  );
  testCases(world, [
    {
      name: "two fields of one name are refused",
      operation: setContactFields,
      input: {
        fields: [
          { name: "size", type: "text" },
          { name: "siZe", type: "text" },
        ],
      },
      expected: { refusal: invalid("fields[1].name duplicate") },
    },
    {
      name: "101 fields are refused",
      operation: setContactFields,
      input: { fields: Array.from({ length: 101 }, (_, at) => ({ name: `f${at}`, type: "text" })) },
      expected: { refusal: invalid("fields too_big") },
    },
  ]);

  test("fields are set and read, with versions and an audit entry", async () => {
    const { version } = await world.get(getContactFields, {});
    const fields: JsonObject[] = [{ name: "size", label: "Staff", type: "number" }, plan];
    const after = await world.get(
      setContactFields,
      { fields, expectedVersion: version },
      { as: "manager" },
    );
    expect(after).toEqual({ fields: [size, plan], version: version + 1 });
    expect(await world.get(getContactFields, {})).toEqual(after);
    // The same once more is no change.
    expect(await world.get(setContactFields, { fields })).toEqual(after);
    const late = await world.call(setContactFields, { fields: [], expectedVersion: version });
    expectRefusal(world, late, { kind: "stale", code: "version_mismatch" });

    const { items } = await world.get(listCrmAudit, { entity: "contactFields", limit: 1 });
    const manager = await world.sessionOf("manager");
    expect(items).toMatchObject([
      { action: "updated", actorId: manager.user.id, after: { fields: [size, plan] } },
    ]);
    expect(await world.get(getContactFields, {}, { as: "stranger" })).toEqual({
      fields: [],
      version: 1,
    });
  });

  test("values are held against the fields, each by itself", async () => {
    await set(
      { name: "note", type: "text" },
      { name: "size", type: "number" },
      { name: "ok", type: "consent" },
      { name: "day", type: "date" },
      { name: "plan", type: "option", options: ["S", "L"] },
      { name: "langs", type: "options", options: ["de", "fr", "it"] },
    );
    const custom = { note: " n ", size: -1.5, ok: false, day: "2024-02-29", plan: "L" };
    const made = await add({ ...custom, langs: ["it", "de", "it"] });
    const values = { ...custom, note: "n", langs: ["de", "it"] };
    expect(made.custom).toEqual(values);
    expect((await world.get(getContact, { id: made.id })).custom).toEqual(values);

    const bad = {
      note: "  ",
      size: "1",
      ok: "yes",
      day: "2026-02-29",
      plan: "M",
      langs: ["de", "en"],
      nope: 1,
    };
    const faults = [
      ...["custom.note too_small", "custom.size invalid_type", "custom.ok invalid_type"],
      ...["custom.day invalid_format", "custom.plan invalid_value", "custom.langs invalid_value"],
      "custom.nope unknown_field",
    ];
    const contact = { firstName: "Bad", custom: bad };
    const refused = await world.call(createContact, { contact });
    expectRefusal(world, refused, invalid(...faults));
    expect(refused).toMatchObject({ message: expect.stringContaining("there are note, size, ok") });
    const { id } = made;
    const notUpdated = await world.call(updateContact, { id, contact: { custom: bad } });
    expectRefusal(world, notUpdated, invalid(...faults));

    const patched = await world.get(updateContact, {
      id,
      contact: { custom: { size: 2, note: null, langs: null } },
    });
    expect(patched).toMatchObject({ version: 2 });
    expect(patched.custom).toEqual({ size: 2, ok: false, day: "2024-02-29", plan: "L" });
    expect(await world.get(updateContact, { id, contact: { custom: { size: 2 } } })).toEqual(
      patched,
    );
    const cleared = await world.get(updateContact, { id, contact: { custom: null } });
    expect(cleared.custom).toEqual({});
  });

  test("of thirty thousand unknown ones a few are told, not each with all that there are", async () => {
    await set(
      ...Array.from({ length: 100 }, (_, at) => ({
        name: `field${at}`.padEnd(50, "x"),
        type: "text",
      })),
    );
    const unknown = Array.from({ length: 30_000 }, (_, at) => [at.toString(36), 0]);
    const contact = { firstName: "Bad", custom: Object.fromEntries(unknown) };
    const { id } = await add({});
    for (const refused of [
      await world.call(createContact, { contact }),
      await world.call(updateContact, { id, contact }),
    ]) {
      expectRefusal(world, refused, { kind: "invalid", code: "invalid_fields" });
      expect(refused).toMatchObject({ fields: { length: 50 } });
      expect(JSON.stringify(refused).length).toBeLessThan(10_000);
    }
  });

  test("what is required must be there when a contact is added, or its fields changed", async () => {
    await set({ name: "size", type: "number" });
    const { id } = await add({});
    await set({ name: "size", type: "number" }, plan);
    const contact = { firstName: "Required" };
    const fault = invalid("custom.plan required");
    expectRefusal(world, await world.call(createContact, { contact }), fault);
    await world.get(updateContact, { id, contact: { title: "Dr" } });
    const update = (custom: JsonObject) => world.call(updateContact, { id, contact: { custom } });
    expectRefusal(world, await update({ size: 1 }), fault);
    expect(await update({ size: 1, plan: "S" })).toMatchObject({ ok: true });
    expectRefusal(world, await update({ plan: null }), fault);
  });

  test("values outlive the field and the type that they were made for", async () => {
    await set({ name: "size", type: "number" }, { name: "note", type: "text" });
    const { id } = await add({ size: 1, note: "n" });
    await set({ name: "size", type: "text" });
    const update = (custom: JsonObject) => world.call(updateContact, { id, contact: { custom } });
    expect((await world.get(getContact, { id })).custom).toEqual({ size: 1, note: "n" });
    // What is sent back as it was read is no change, and so no fault.
    expect(await update({ size: 1, note: "n" })).toMatchObject({ value: { version: 1 } });
    expectRefusal(world, await update({ size: 2 }), invalid("custom.size invalid_type"));
    expectRefusal(world, await update({ note: "m" }), invalid("custom.note unknown_field"));
    expect(await update({ size: "many", note: null })).toMatchObject({
      value: { custom: { size: "many" } },
    });
  });
});

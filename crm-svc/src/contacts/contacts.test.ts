import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import {
  createContact,
  deleteContact,
  getContact,
  listContacts,
  restoreContact,
  searchContacts,
  undoContactChange,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  forbidden,
  malformed,
  notFound,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();

const permissions: readonly Case[] = [
  ...(
    [
      [createContact, { contact: { firstName: "A" } }],
      [getContact, { id: NOBODYS_ID }],
      [listContacts, {}],
      [searchContacts, { q: "a" }],
      [updateContact, { id: NOBODYS_ID, contact: { firstName: "A" } }],
      [deleteContact, { id: NOBODYS_ID }],
      [restoreContact, { id: NOBODYS_ID }],
      [undoContactChange, { id: NOBODYS_ID, auditId: NOBODYS_ID }],
    ] as const
  ).map(
    ([operation, input]): Case => ({
      name: `${operation.method.name} is for users only`,
      as: "nobody",
      operation,
      input,
      expected: { refusal: unauthenticated },
    }),
  ),
  ...(["sales", "marketing"] as const).flatMap((as): Case[] => [
    {
      name: `${as} may not delete, whether or not it is there`,
      as,
      operation: deleteContact,
      input: { id: NOBODYS_ID },
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not restore`,
      as,
      operation: restoreContact,
      input: { id: NOBODYS_ID },
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not see the deleted`,
      as,
      operation: listContacts,
      input: { deleted: true },
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may create`,
      as,
      operation: createContact,
      input: { contact: { firstName: as } },
      expected: { value: { firstName: as } },
    },
    {
      name: `${as} may update`,
      as,
      operation: updateContact,
      input: { id: NOBODYS_ID, contact: { firstName: "A" } },
      expected: { refusal: notFound },
    },
  ]),
  ...(
    [
      [getContact, {}],
      [updateContact, { contact: { firstName: "A" } }],
      [deleteContact, {}],
      [restoreContact, {}],
      [undoContactChange, { auditId: NOBODYS_ID }],
    ] as const
  ).map(
    ([operation, rest]): Case => ({
      name: `${operation.method.name} refuses an id that is no UUID`,
      operation,
      input: { id: "1;drop", ...rest },
      expected: { refusal: malformed("id invalid_format") },
    }),
  ),
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, permissions);

  test("another tenant's contact is answered as one that is not there", async () => {
    const contact = { firstName: "Theirs" };
    const { id: theirs } = await world.get(createContact, { contact }, { as: "stranger" });
    for (const [operation, rest] of [
      [getContact, {}],
      [updateContact, { contact: { firstName: "Mine" } }],
      [deleteContact, {}],
      [restoreContact, {}],
      [undoContactChange, { auditId: NOBODYS_ID }],
    ] as const) {
      const outcomes = await Promise.all(
        [theirs, NOBODYS_ID].map((id) => world.call(operation, { id, ...rest })),
      );
      for (const outcome of outcomes) expectRefusal(world, outcome, notFound);
      expect(outcomes[0]).toEqual(outcomes[1]);
    }
    const page = await world.get(listContacts, { limit: 100 });
    expect(page.items.map(({ id }) => id)).not.toContain(theirs);
    expect(await world.get(getContact, { id: theirs }, { as: "stranger" })).toMatchObject(contact);
  });

  test("a deleted contact is gone, and cannot be deleted again", async () => {
    const contact = { firstName: "Going", lastName: "Gone", email: "gone@x.example" };
    const { id } = await world.get(createContact, { contact });
    const stale = await world.call(deleteContact, { id, expectedVersion: 7 });
    expectRefusal(world, stale, { kind: "stale", code: "version_mismatch" });
    await world.get(getContact, { id });

    expect(
      await world.get(deleteContact, { id, expectedVersion: 1 }, { as: "manager" }),
    ).toBeNull();
    for (const outcome of [
      await world.call(getContact, { id }),
      await world.call(updateContact, { id, contact: { firstName: "Back" } }),
      await world.call(deleteContact, { id }),
      await world.call(deleteContact, { id, expectedVersion: 1 }),
    ]) {
      expectRefusal(world, outcome, notFound);
    }
    const { items } = await world.get(searchContacts, { q: "going gone" });
    expect(items).toEqual([]);
    expect(await world.get(createContact, { contact })).toMatchObject(contact);
  });

  test("a deleted contact can be brought back, as it was", async () => {
    const contact = { firstName: "Back", email: "back@x.example", phone: "+49 731 1" };
    const before = await world.get(createContact, { contact });
    const { id } = before;
    await world.get(deleteContact, { id });
    const likely = await world.get(createContact, { contact });
    const { items } = await world.get(listContacts, { deleted: true, email: contact.email });
    expect(items.map((item) => item.id)).toEqual([id]);

    const after = await world.get(restoreContact, { id });
    expect(after).toEqual({ ...before, version: 3, updatedAt: after.updatedAt });
    expect(await world.get(getContact, { id })).toEqual(after);
    expect(await world.get(restoreContact, { id })).toEqual(after);
    const found = await world.get(listContacts, { email: contact.email, sort: "createdAt" });
    expect(found.items.map((item) => item.id)).toEqual([id, likely.id]);
    expect((await world.get(listContacts, { deleted: true, email: contact.email })).items).toEqual(
      [],
    );
  });

  test("each change leaves one entry in the audit log, and a refusal none", async () => {
    const { user } = world.tenant.admin;
    const { id, ...made } = await world.get(createContact, { contact: { firstName: "Logged" } });
    await world.get(updateContact, { id, contact: { firstName: "Logged", title: "Dr" } });
    await world.get(updateContact, { id, contact: { title: "Dr" } });
    await world.call(updateContact, { id, contact: { title: "x" }, expectedVersion: 1 });
    await world.get(deleteContact, { id });
    await world.get(restoreContact, { id });
    const entries = await withClient(services.database.ownerUrl, async (owner) => {
      const { rows } = await owner.query(
        `SELECT action, before, after, actor_id FROM crm.audit_log
         WHERE entity = 'contact' AND entity_id = $1 ORDER BY audit_id`,
        [id],
      );
      return rows;
    });
    expect(entries).toMatchObject([
      { action: "created", before: null, after: { id, ...made }, actor_id: user.id },
      { action: "updated", before: { title: null }, after: { title: "Dr" }, actor_id: user.id },
      { action: "deleted", before: { id, title: "Dr" }, after: null, actor_id: user.id },
      { action: "restored", before: null, after: { id, title: "Dr" }, actor_id: user.id },
    ]);
  });
});

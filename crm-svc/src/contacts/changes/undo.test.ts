import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { listCrmAudit } from "../../../../tools/testing/api/audit.ts";
import {
  createContact,
  deleteContact,
  getContact,
  restoreContact,
  undoContactChange,
  updateContact,
} from "../../../../tools/testing/api/contacts.ts";
import {
  describeForEveryClient,
  expectRefusal,
  forbidden,
  notFound,
} from "../../../../tools/testing/cases.ts";
import { startServices } from "../../../../tools/testing/services.ts";

const alreadyUndone = { kind: "wrongState", code: "already_undone" } as const;

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const add = (contact: JsonObject) => world.get(createContact, { contact });
  const update = (id: string, contact: JsonObject) => world.get(updateContact, { id, contact });
  const undo = (id: string, auditId: string) => world.call(undoContactChange, { id, auditId });
  /** The contact's changes, newest first. */
  const changesOf = async (entityId: string) =>
    (await world.get(listCrmAudit, { entity: "contact", entityId })).items;
  const newest = async (id: string) => {
    const [change] = await changesOf(id);
    if (change === undefined) throw new Error("nothing was logged");
    return change;
  };

  test("an edit is taken back, what others changed since is kept, and the undo can be undone", async () => {
    const before = await add({ firstName: "Ada", title: "Dr", address: { city: "Ulm" } });
    const { id } = before;
    const phone = "+49 731 1 x5";
    await update(id, { firstName: "Eve", phone, address: { city: "Bonn", country: "DE" } });
    const edit = await newest(id);
    const later = await update(id, { title: "Prof", address: { street: "Ring 1" } });

    const undone = await undo(id, edit.id);
    expect(undone).toMatchObject({
      ok: true,
      value: {
        ...before,
        title: "Prof",
        address: { city: "Ulm", street: "Ring 1", country: null },
        version: 4,
        updatedAt: expect.any(String),
      },
    });
    const entry = await newest(id);
    expect(entry).toMatchObject({
      action: "undone",
      actorId: world.tenant.admin.user.id,
      before: { firstName: "Eve", phone: "+497311", phoneOriginal: phone },
      after: { firstName: "Ada", phone: null, phoneOriginal: null, undoes: edit.id },
    });

    const redone = await undo(id, entry.id);
    expect(redone).toMatchObject({
      value: { ...later, version: 5, updatedAt: expect.any(String) },
    });
    expect(await newest(id)).toMatchObject({ action: "undone", after: { undoes: entry.id } });
  });

  test("what was changed again since is nobody's to take back", async () => {
    const { id } = await add({ firstName: "Ada" });
    await update(id, { firstName: "Eve", title: "Dr", address: { city: "Ulm" } });
    const edit = await newest(id);
    await update(id, { firstName: "Eva", address: { city: "Bonn" } });
    const before = await world.get(getContact, { id });
    const outcome = await undo(id, edit.id);
    expectRefusal(world, outcome, { kind: "wrongState", code: "changed_since" });
    expect(outcome).toMatchObject({ facts: { changedSince: '["address.city","firstName"]' } });
    expect(await world.get(getContact, { id })).toEqual(before);
  });

  test("a creation is taken back by deleting, and that by restoring", async () => {
    const made = await add({ firstName: "Made" });
    const { id } = made;
    const creation = await newest(id);
    expect(await undo(id, creation.id)).toMatchObject({ ok: true, value: null });
    expectRefusal(world, await world.call(getContact, { id }), notFound);
    expect(await newest(id)).toMatchObject({ action: "undone", after: { undoes: creation.id } });
    expectRefusal(world, await undo(id, creation.id), alreadyUndone);
    const back = await undo(id, (await newest(id)).id);
    expect(back).toMatchObject({ value: { ...made, version: 3, updatedAt: expect.any(String) } });
    expect(await newest(id)).toMatchObject({ action: "undone", before: null, after: { id } });
    expect(await undo(id, (await newest(id)).id)).toMatchObject({ value: null });
  });

  test("a deletion is taken back by restoring, a restoration by deleting", async () => {
    const { id } = await add({ firstName: "Kept" });
    await update(id, { title: "Dr" });
    const edit = await newest(id);
    await world.get(deleteContact, { id });
    const deletion = await newest(id);
    const deleted = await undo(id, edit.id);
    expectRefusal(world, deleted, { kind: "wrongState", code: "contact_deleted" });
    expect(await undo(id, deletion.id)).toMatchObject({ value: { id } });
    expectRefusal(world, await undo(id, deletion.id), alreadyUndone);
    await world.get(deleteContact, { id });
    await world.get(restoreContact, { id });
    const restoration = await newest(id);
    expect(await undo(id, restoration.id)).toMatchObject({ ok: true, value: null });
  });

  test("an edit is taken back by whoever may update, a creation needs more", async () => {
    const { id } = await add({ firstName: "Ada" });
    const creation = await newest(id);
    await update(id, { title: "Dr" });
    const edit = await newest(id);
    const as = "sales";
    const refused = await world.call(undoContactChange, { id, auditId: creation.id }, { as });
    expectRefusal(world, refused, forbidden);
    const outcome = await world.call(undoContactChange, { id, auditId: edit.id }, { as });
    expect(outcome).toMatchObject({ value: { title: null } });
  });

  test("a change is of one contact of one tenant", async () => {
    const { id } = await add({ firstName: "One" });
    const other = await add({ firstName: "Other" });
    const change = await newest(other.id);
    expectRefusal(world, await undo(id, change.id), notFound);
    expectRefusal(world, await undo(id, Bun.randomUUIDv7()), notFound);
    const stranger = await world.call(
      undoContactChange,
      { id: other.id, auditId: change.id },
      { as: "stranger" },
    );
    expectRefusal(world, stranger, notFound);
  });

  test("a contact is not left without a name", async () => {
    const { id } = await add({ firstName: "Ada" });
    await update(id, { email: "ada@x.example" });
    const edit = await newest(id);
    await update(id, { firstName: null });
    const outcome = await undo(id, edit.id);
    expectRefusal(world, outcome, { kind: "wrongState", code: "nameless" });
  });
});

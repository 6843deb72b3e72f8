import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import {
  createContact,
  deleteContact,
  getContact,
  listContacts,
  restoreContact,
  undoContactChange,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import { setRolePermissions } from "../../../tools/testing/api/users.ts";
import { describeForEveryClient, expectRefusal, notFound } from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const services = await startServices();

/** As a merge leaves it. */
function markMerged(id: string, into: string): Promise<unknown> {
  return withClient(services.database.ownerUrl, (owner) =>
    owner.query(
      "UPDATE crm.contacts SET deleted_at = now(), merged_into = $2 WHERE contact_id = $1",
      [id, into],
    ),
  );
}

await describeForEveryClient(services, (world) => {
  const add = (firstName: string) => world.get(createContact, { contact: { firstName } });

  test("a merged contact's id answers with its successor, however often that was merged", async () => {
    const [first, second, last] = [await add("A"), await add("B"), await add("C")];
    await markMerged(first.id, second.id);
    await markMerged(second.id, last.id);
    if (world.client.kind === "RPC") {
      expect(await world.get(getContact, { id: first.id })).toEqual(last);
    } else {
      const moved = await fetch(`${services.crmUrl}/v1/contacts/${first.id}`, {
        headers: { authorization: `Bearer ${world.tenant.admin.accessToken}` },
        redirect: "manual",
      });
      expect(moved.status).toBe(301);
      expect(moved.headers.get("location")).toBe(`/v1/contacts/${last.id}`);
      // The merge may be undone.
      expect(moved.headers.get("cache-control")).toBe("no-store");
    }

    for (const outcome of [
      await world.call(updateContact, { id: first.id, contact: { title: "Dr" } }),
      await world.call(deleteContact, { id: first.id }),
      await world.call(restoreContact, { id: first.id }),
      await world.call(undoContactChange, { id: first.id, auditId: first.id }),
    ]) {
      expectRefusal(world, outcome, { kind: "wrongState", code: "contact_merged" });
      expect(outcome).toMatchObject({ facts: { successorId: last.id } });
    }
    expect((await world.get(listContacts, { deleted: true })).items).toEqual([]);

    await world.get(deleteContact, { id: last.id });
    expectRefusal(world, await world.call(getContact, { id: first.id }), notFound);
    const update = await world.call(updateContact, { id: first.id, contact: { title: "Dr" } });
    expectRefusal(world, update, notFound);
  });

  test("an id in capitals is the same id", async () => {
    const { id } = await add("A");
    const response = await fetch(`${services.crmUrl}/v1/contacts/${id.toUpperCase()}`, {
      headers: { authorization: `Bearer ${world.tenant.admin.accessToken}` },
      redirect: "manual",
    });
    expect(response.status).toBe(200);
    expect(await world.get(getContact, { id: id.toUpperCase() })).toMatchObject({ id });
  });

  test("where the successor is not the caller's, it is not there", async () => {
    const own = ["create", "read", "update", "delete"].map((action) => ({
      resource: "contacts",
      action,
      scope: "own",
    }));
    await world.get(setRolePermissions, { role: "marketing", permissions: own });
    const as = "marketing";
    const { id } = await world.get(createContact, { contact: { firstName: "Mine" } }, { as });
    await markMerged(id, (await add("Somebody else's")).id);
    for (const outcome of [
      await world.call(getContact, { id }, { as }),
      await world.call(updateContact, { id, contact: { title: "Dr" } }, { as }),
      await world.call(deleteContact, { id }, { as }),
      await world.call(restoreContact, { id }, { as }),
      await world.call(undoContactChange, { id, auditId: id }, { as }),
    ]) {
      expectRefusal(world, outcome, notFound);
    }
  });

  test("to another tenant it is not there", async () => {
    const [gone, successor] = [await add("A"), await add("B")];
    await markMerged(gone.id, successor.id);
    const as = "stranger";
    for (const outcome of [
      await world.call(getContact, { id: gone.id }, { as }),
      await world.call(updateContact, { id: gone.id, contact: { title: "Dr" } }, { as }),
      await world.call(restoreContact, { id: gone.id }, { as }),
    ]) {
      expectRefusal(world, outcome, notFound);
    }
  });
});

import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { createContact } from "../../../tools/testing/api/contacts.ts";
import { dismissDuplicate, getDuplicates } from "../../../tools/testing/api/duplicates.ts";
import {
  convertLead,
  createLead,
  getLead,
  listCustomers,
} from "../../../tools/testing/api/leads.ts";
import { mergeContacts, undoMerge } from "../../../tools/testing/api/merges.ts";
import { describeForEveryClient, expectRefusal } from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const make = async (lastName = "Twofold"): Promise<string> => {
    const contact = { firstName: "Tara", lastName };
    return (await world.get(createContact, { contact, allowDuplicate: true })).id;
  };
  const addLead = async (contactId: string): Promise<string> =>
    (await world.get(createLead, { lead: { contactId, title: "A lead" } })).id;
  const merge = async (id: string, ...sourceIds: string[]): Promise<string> =>
    (await world.get(mergeContacts, { id, sourceIds })).mergeId;
  const undo = (id: string) => world.get(undoMerge, { id });
  const customersOf = async (contactId: string): Promise<string[]> =>
    (await world.get(listCustomers, { contactId })).items.map(({ id }) => id);

  test("a lead that was won since a merge stays with its customer when that is undone, and is told", async () => {
    const [target, source] = [await make(), await make()];
    const [won, open] = [await addLead(source), await addLead(source)];
    const mergeId = await merge(target, source);
    const customer = await world.get(convertLead, { id: won });
    const { kept, restored } = await undo(mergeId);
    expect(kept.leadIds).toEqual([won]);
    expect(restored.moved.leads).toBe(1);
    expect(await world.get(getLead, { id: won })).toMatchObject({ contactId: target });
    expect(await world.get(getLead, { id: open })).toMatchObject({ contactId: source });
    expect(await customersOf(target)).toEqual([customer.id]);
    expect(await customersOf(source)).toEqual([]);
  });

  test("a lead that was won before it, or since with a customer that came by it, goes back with that", async () => {
    const [target, source] = [await make(), await make()];
    const [before, since] = [await addLead(source), await addLead(source)];
    const customer = await world.get(convertLead, { id: before });
    const mergeId = await merge(target, source);
    expect(await world.get(convertLead, { id: since })).toMatchObject({ id: customer.id });
    const { kept, restored } = await undo(mergeId);
    expect(kept.leadIds).toEqual([]);
    expect(restored.moved).toMatchObject({ leads: 2, customers: 1 });
    expect(await customersOf(target)).toEqual([]);
    expect(await customersOf(source)).toEqual([customer.id]);
  });

  test("scores of all leads are found anew, after a merge and after it is undone", async () => {
    const [target, source] = [await make(), await make()];
    const ids = [await addLead(target), await addLead(source)];
    const stale = (change: string) =>
      withClient(services.database.ownerUrl, async (owner) => {
        const { rows } = await owner.query<{ score_stale: boolean }>(
          `${change} WHERE lead_id = ANY ($1)`,
          [ids],
        );
        return rows.map((row) => row.score_stale);
      });
    const reckon = () => stale("UPDATE crm.leads SET score_stale = false");
    const read = () => stale("SELECT score_stale FROM crm.leads");
    await reckon();
    const mergeId = await merge(target, source);
    expect(await read()).toEqual([true, true]);
    await reckon();
    await undo(mergeId);
    expect(await read()).toEqual([true, true]);
  });

  test("whom two parts are known not to be, the one that is left is not either", async () => {
    const [target, one, two, other] = [await make(), await make(), await make(), await make()];
    const candidates = async () => {
      const { items } = await world.get(getDuplicates, { id: target });
      return items.map(({ contact }) => contact.id);
    };
    expect(await candidates()).toContain(other);
    for (const id of [one, two]) await world.get(dismissDuplicate, { ids: [id, other] });
    const [first, second] = [await merge(target, one), await merge(target, two)];
    expect(await candidates()).not.toContain(other);
    await undo(first);
    expect(await candidates()).not.toContain(other);
    await undo(second);
    expect(await candidates()).toContain(other);
  });

  test("a merged contact's duplicates are those of the one that it is part of, which is to be dismissed", async () => {
    const [target, source, other] = [await make("Old"), await make("Id"), await make("Old")];
    await merge(target, source);
    const { items } = await world.get(getDuplicates, { id: source });
    expect(items.map(({ contact }) => contact.id)).toEqual([other]);
    const refused = await world.call(dismissDuplicate, { ids: [source, other] });
    expectRefusal(world, refused, { kind: "wrongState", code: "contact_merged" });
    expect(refused).toMatchObject({ facts: { successorId: target } });
  });
});

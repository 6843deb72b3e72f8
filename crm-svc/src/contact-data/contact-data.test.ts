import { expect, test } from "bun:test";
import { createInteraction } from "../../../tools/testing/api/interactions.ts";
import { convertLead, getContactData, getLead } from "../../../tools/testing/api/leads.ts";
import { describeForEveryClient, expectRefusal, notFound } from "../../../tools/testing/cases.ts";
import { addContact, addLead } from "../../../tools/testing/leads.ts";
import { startServices } from "../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();
const EUR = (amount: string) => ({ amount, currency: "EUR" });

const services = await startServices();

await describeForEveryClient(services, (world) => {
  if (world.client.kind !== "REST") {
    test("a contact's data come together, what may be seen of them", async () => {
      const contactId = await addContact(world);
      const lead = await addLead(world, { contactId, value: EUR("1234567890123456.78") });
      const won = await addLead(world, { contactId });
      await world.get(convertLead, { id: won.id });
      const interaction = await world.get(createInteraction, {
        interaction: { type: "note", contactId, subject: "S" },
      });
      const data = await world.get(getContactData, { contactId });
      expect(data.contact).toMatchObject({ id: contactId, lifecycleStage: "customer" });
      expect(data.interactions).toEqual([interaction]);
      expect(data.leads).toEqual([await world.get(getLead, { id: lead.id })]);
      const none = { contactId, interactionLimit: 0, leadLimit: 0 };
      expect(await world.get(getContactData, none)).toMatchObject({ interactions: [], leads: [] });
      const absent = await world.call(getContactData, { contactId: NOBODYS_ID });
      expectRefusal(world, absent, notFound);
    });
  }
});

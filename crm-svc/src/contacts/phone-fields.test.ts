import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { createContact, listContacts, updateContact } from "../../../tools/testing/api/contacts.ts";
import { updateTenant } from "../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  invalid,
  malformed,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const add = (phone: string) =>
    world.get(createContact, { contact: { firstName: "Phone", phone } });

  test("a phone without a country code is of the tenant's country, if it has one", async () => {
    const typed = { firstName: "Phone", phone: "0731 123456" };
    const outcome = await world.call(createContact, { contact: typed });
    expectRefusal(world, outcome, invalid("phone not_a_phone_number"));
    await world.get(updateTenant, { tenant: { country: "DE" } });
    expect(await add("0731 123456")).toMatchObject({
      phone: "+49731123456",
      phoneOriginal: "0731 123456",
    });
    expect(await add("+1 (202) 555-0143 ext. 5")).toMatchObject({
      phone: "+12025550143",
      phoneOriginal: "+1 (202) 555-0143 ext. 5",
    });
  });

  test("a phone that is sent back as it was read is no change", async () => {
    const before = await add("+49 731 123457 x5");
    for (const phone of ["+49 731 123457 x5", "+49731123457"]) {
      expect(await world.get(updateContact, { id: before.id, contact: { phone } })).toEqual(before);
    }
    const after = await world.get(updateContact, {
      id: before.id,
      contact: { phone: "+49 731 123457" },
    });
    expect(after).toMatchObject({
      phone: "+49731123457",
      phoneOriginal: "+49 731 123457",
      version: 2,
    });
    expect(
      await world.get(updateContact, { id: before.id, contact: { phone: null } }),
    ).toMatchObject({ phone: null, phoneOriginal: null });
  });

  test("a phone from before numbers were understood stays as it was entered", async () => {
    const { id } = await add("+49 731 123458");
    await withClient(services.database.ownerUrl, (owner) =>
      owner.query(
        "UPDATE crm.contacts SET phone = 'ask Bob', phone_e164 = NULL WHERE contact_id = $1",
        [id],
      ),
    );
    const contact = { phone: "ask Bob", title: "Dr" };
    const old = { phone: "ask Bob", phoneOriginal: "ask Bob" };
    expect(await world.get(updateContact, { id, contact })).toMatchObject({ ...old, title: "Dr" });
    const outcome = await world.call(updateContact, { id, contact: { phone: "ask Eve" } });
    expectRefusal(world, outcome, invalid("phone not_a_phone_number"));
  });

  test("contacts are found by a number, however it is written", async () => {
    const { id } = await add("+49 731 123459 ext. 7");
    const { items } = await world.get(listContacts, { phone: "+49 (0731) 12 34 59" });
    expect(items.map((item) => item.id)).toEqual([id]);
    const outcome = await world.call(listContacts, { phone: "Bob" });
    const fault = "phone not_a_phone_number";
    expectRefusal(world, outcome, malformed(fault));
  });
});

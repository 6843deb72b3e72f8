import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  createContact,
  setContactFields,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import { mergeContacts, undoMerge } from "../../../tools/testing/api/merges.ts";
import { describeForEveryClient, expectRefusal, invalid } from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const make = async (firstName: string, custom: JsonObject = {}): Promise<string> => {
    await world.get(setContactFields, {
      fields: [
        { name: "newsletter", type: "consent" },
        { name: "calls", type: "consent" },
        { name: "segment", type: "text" },
      ],
    });
    const contact = { firstName, custom };
    return (await world.get(createContact, { contact, allowDuplicate: true })).id;
  };
  const merge = (id: string, sourceId: string, choose: JsonObject = {}) =>
    world.get(mergeContacts, { id, sourceIds: [sourceId], choose });

  test("a no to a consent stays a no, whatever is chosen", async () => {
    const target = await make("Con", { newsletter: true, segment: "mine" });
    const source = await make("Sent", { newsletter: false, calls: true, segment: "theirs" });
    const input = { id: target, sourceIds: [source] };
    expectRefusal(
      world,
      await world.call(mergeContacts, { ...input, choose: { "custom.newsletter": target } }),
      invalid("choose.custom.newsletter consent_loosened"),
    );
    expectRefusal(
      world,
      await world.call(mergeContacts, { ...input, choose: { "custom.no": target } }),
      invalid("choose.custom.no unknown_field"),
    );
    const { mergeId, contact } = await merge(target, source, { "custom.segment": source });
    expect(contact.custom).toEqual({ newsletter: false, calls: true, segment: "theirs" });
    const undone = await world.get(undoMerge, { id: mergeId });
    expect(undone.contact.custom).toEqual({ newsletter: true, segment: "mine" });
  });

  test("who has not agreed may be chosen before who has", async () => {
    const target = await make("Never asked");
    const source = await make("Asked", { calls: true });
    const { contact } = await merge(target, source, { "custom.calls": target });
    expect(contact.custom).toEqual({});
  });

  test("an undoing loosens no consent that another part of the contact has refused", async () => {
    const target = await make("Yes", { newsletter: true });
    const first = await merge(target, await make("No", { newsletter: false }));
    const second = await merge(target, await make("No again", { newsletter: false }));
    const { contact, kept } = await world.get(undoMerge, { id: first.mergeId });
    expect(contact.custom).toEqual({ newsletter: false });
    expect(kept.fields).toEqual(["custom.newsletter"]);
    const undone = await world.get(undoMerge, { id: second.mergeId });
    expect(undone.contact.custom).toEqual({ newsletter: false });
  });

  test("nor one that somebody has withdrawn since, though another change comes after", async () => {
    const target = await make("Yes", { newsletter: true, calls: true });
    const source = await make("No", { newsletter: false, calls: false });
    const { mergeId } = await merge(target, source);
    for (const custom of [{ newsletter: true }, { newsletter: false }, { segment: "b" }]) {
      await world.get(updateContact, { id: target, contact: { custom } });
    }
    const { contact, kept, restored } = await world.get(undoMerge, { id: mergeId });
    expect(contact.custom).toEqual({ newsletter: false, calls: true, segment: "b" });
    expect(kept.fields).toEqual(["custom.newsletter"]);
    expect(restored.fields).toEqual(["custom.calls"]);
  });
});

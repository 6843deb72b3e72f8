import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import { createContact, deleteContact } from "../../../tools/testing/api/contacts.ts";
import {
  createInteraction,
  deleteInteraction,
  getInteraction,
  listInteractions,
  updateInteraction,
} from "../../../tools/testing/api/interactions.ts";
import { mergeContacts } from "../../../tools/testing/api/merges.ts";
import {
  describeForEveryClient,
  expectRefusal,
  invalid,
  notFound,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const contactOf = (contact: Record<string, string>) => world.get(createContact, { contact });

  test("who is known by address or number alone is the contact", async () => {
    const tag = world.client.name.replace(/\W/g, "").toLowerCase();
    const { id } = await contactOf({ lastName: `Known ${tag}`, email: `known@${tag}.example` });
    const byEmail = await world.get(createInteraction, {
      interaction: { type: "email", participant: { email: `Known@${tag}.example` } },
    });
    expect(byEmail).toMatchObject({ contactId: id, missing: [], review: null });

    const input = { interaction: { type: "email", participant: { email: `late@${tag}.example` } } };
    const unknown = await world.get(createInteraction, input);
    expect(unknown).toMatchObject({ contactId: null, missing: ["contactId"] });
    const { id: lateId } = await contactOf({ lastName: `Late ${tag}`, phone: "+49 731 998877" });
    const patched = await world.get(updateInteraction, {
      id: unknown.id,
      interaction: { participant: { phone: "0049 731 998877" } },
    });
    expect(patched).toMatchObject({ contactId: lateId, missing: [] });

    // Several who share a number are nobody in particular.
    await world.get(createContact, {
      contact: { lastName: `Other ${tag}`, phone: "+49 731 998877" },
      allowDuplicate: true,
    });
    const shared = await world.get(createInteraction, {
      interaction: { type: "sms", participant: { phone: "+49 731 998877" } },
    });
    expect(shared.contactId).toBeNull();
    await world.get(deleteContact, { id: lateId });
  });

  test("a change completes it, clears, and counts versions", async () => {
    const { id: contactId } = await contactOf({ lastName: "Completed" });
    const { id, ...added } = await world.get(createInteraction, { interaction: { type: "call" } });
    expect(added.missing).toEqual(["contactId", "outcome", "durationSeconds"]);
    const stale = await world.call(updateInteraction, {
      id,
      interaction: { subject: "S" },
      expectedVersion: 3,
    });
    expectRefusal(world, stale, { kind: "stale", code: "version_mismatch" });
    const change = {
      contactId,
      outcome: "connected",
      durationSeconds: 60,
      metadata: { a: 1, b: 2 },
    };
    const whole = await world.get(updateInteraction, {
      id,
      interaction: change,
      expectedVersion: 1,
    });
    expect(whole).toMatchObject({ ...change, missing: [], review: null, version: 2 });
    const cleared = await world.get(updateInteraction, {
      id,
      interaction: { outcome: null, metadata: { a: null } },
    });
    expect(cleared).toMatchObject({ outcome: null, metadata: { b: 2 }, missing: ["outcome"] });
    const same = await world.get(updateInteraction, { id, interaction: { durationSeconds: 60 } });
    expect(same.version).toBe(cleared.version);
    const unfit = await world.call(updateInteraction, {
      id,
      interaction: { type: "note", outcome: "held" },
    });
    expectRefusal(world, unfit, invalid("outcome not_offered"));
    expect(await world.get(getInteraction, { id })).toEqual(cleared);
  });

  test("a user changes their own, a manager all; deleted is gone", async () => {
    const as = "sales";
    const { user } = await world.sessionOf(as);
    const own = await world.get(createInteraction, { interaction: { type: "note" } }, { as });
    expect(own.userId).toBe(user.id);
    const others = await world.get(createInteraction, { interaction: { type: "note" } });
    const interaction = { subject: "S" };
    await world.get(updateInteraction, { id: own.id, interaction }, { as });
    const foreign = await world.call(updateInteraction, { id: others.id, interaction }, { as });
    const absent = await world.call(updateInteraction, { id: NOBODYS_ID, interaction }, { as });
    expectRefusal(world, foreign, notFound);
    expect(foreign).toEqual(absent);
    await world.get(
      updateInteraction,
      { id: own.id, interaction: { body: "B" } },
      { as: "manager" },
    );
    const mine = await world.get(listInteractions, { userId: "me" }, { as });
    expect(mine.items.map(({ id }) => id)).toEqual([own.id]);

    await world.get(deleteInteraction, { id: own.id, expectedVersion: 3 }, { as: "manager" });
    for (const operation of [getInteraction, deleteInteraction]) {
      expectRefusal(world, await world.call<unknown>(operation, { id: own.id }), notFound);
    }
    expect((await world.get(listInteractions, { userId: "me" }, { as })).items).toEqual([]);
  });

  test("another tenant's contact and interaction are answered as absent ones", async () => {
    const contact = { lastName: "Theirs" };
    const { id: contactId } = await world.get(createContact, { contact }, { as: "stranger" });
    const { id } = await world.get(
      createInteraction,
      { interaction: { type: "note", contactId } },
      { as: "stranger" },
    );
    const create = (of: string) =>
      world.call(createInteraction, { interaction: { type: "note", contactId: of } });
    expectRefusal(world, await create(contactId), notFound);
    expect(await create(contactId)).toEqual(await create(NOBODYS_ID));
    expectRefusal(world, await world.call(getInteraction, { id }), notFound);
    expect(await world.get(listInteractions, { contactId })).toEqual({
      items: [],
      nextCursor: null,
    });
  });

  test("a merged contact is the one that it is part of", async () => {
    const target = await contactOf({ lastName: "Remaining" });
    const source = await contactOf({ lastName: "Going" });
    const before = await world.get(createInteraction, {
      interaction: { type: "note", contactId: source.id },
    });
    await world.get(mergeContacts, { id: target.id, sourceIds: [source.id] });
    const added = await world.get(createInteraction, {
      interaction: { type: "note", contactId: source.id },
    });
    expect(added.contactId).toBe(target.id);
    const listed = await world.get(listInteractions, { contactId: source.id });
    expect(listed.items.map(({ id }) => id)).toEqual([added.id, before.id]);
  });

  test("pages are newest first, filtered, and stay right while rows are added", async () => {
    const { id: contactId } = await contactOf({ lastName: "Paged" });
    const at = (minute: number) => `2026-03-01T10:0${minute}:00.000Z`;
    const add = (minute: number, rest: JsonObject = {}) =>
      world.get(createInteraction, {
        interaction: { type: "note", contactId, occurredAt: at(minute), ...rest },
      });
    const added = [await add(1), await add(2), await add(2), await add(2), await add(3)];
    await add(4, { type: "call", outcome: "busy", direction: "inbound" });
    const input = { contactId, type: "note", limit: 2 };
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof listInteractions.value.parse>> = await world.get(
        listInteractions,
        { ...input, ...(cursor && { cursor }) },
      );
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      await add(3);
    } while (cursor !== null);
    const order = added.toSorted((one, other) =>
      one.occurredAt === other.occurredAt
        ? one.id < other.id
          ? 1
          : -1
        : one.occurredAt < other.occurredAt
          ? 1
          : -1,
    );
    expect(seen).toEqual(order.map(({ id }) => id));

    const count = async (filter: JsonObject) =>
      (await world.get(listInteractions, { contactId, ...filter })).items.length;
    expect(await count({ outcome: "busy" })).toBe(1);
    expect(await count({ direction: "outbound" })).toBe(0);
    expect(await count({ type: "call", direction: "inbound" })).toBe(1);
    expect(await count({ from: at(2), to: at(3) })).toBe(3);
    expect(await count({ userId: NOBODYS_ID })).toBe(0);
    const reused = await world.get(listInteractions, input);
    const elsewhere = { contactId, limit: 2, cursor: reused.nextCursor };
    expectRefusal(world, await world.call(listInteractions, elsewhere), {
      kind: "malformed",
      code: "invalid_cursor",
    });
  });

  test("a repeated request is answered from the first, and everything is in the audit log", async () => {
    const input = { interaction: { type: "note", subject: "Once" } };
    const idempotencyKey = Bun.randomUUIDv7();
    const first = await world.get(createInteraction, input, { idempotencyKey });
    expect(await world.get(createInteraction, input, { idempotencyKey })).toEqual(first);
    await world.get(updateInteraction, { id: first.id, interaction: { subject: "Twice" } });
    await world.get(deleteInteraction, { id: first.id });
    const rows = await withClient(services.database.ownerUrl, async (owner) => {
      const result = await owner.query<{ action: string; before: unknown; after: unknown }>(
        `SELECT action, before, after FROM crm.audit_log WHERE entity = 'interaction' AND entity_id = $1
         ORDER BY audit_id`,
        [first.id],
      );
      return result.rows;
    });
    expect(rows).toMatchObject([
      { action: "created", before: null, after: { subject: "Once" } },
      { action: "updated", before: { subject: "Once" }, after: { subject: "Twice" } },
      { action: "deleted", before: { subject: "Twice" }, after: null },
    ]);
    expect(rows[1]?.after).toEqual({ subject: "Twice" });
  });
});

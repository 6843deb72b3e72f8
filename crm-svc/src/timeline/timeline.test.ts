import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import { createContact, updateContact } from "../../../tools/testing/api/contacts.ts";
import {
  createInteraction,
  getTimeline,
  updateInteraction,
} from "../../../tools/testing/api/interactions.ts";
import { mergeContacts } from "../../../tools/testing/api/merges.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  malformed,
  notFound,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";
import type { TimelineEntry } from "./schema.ts";

const NOBODYS_ID = Bun.randomUUIDv7();

const cases: readonly Case[] = [
  {
    name: "is for users only",
    as: "nobody",
    operation: getTimeline,
    input: { id: NOBODYS_ID },
    expected: { refusal: unauthenticated },
  },
  {
    name: "refuses a contact that is not there",
    operation: getTimeline,
    input: { id: NOBODYS_ID },
    expected: { refusal: notFound },
  },
  {
    name: "refuses types that there are not",
    operation: getTimeline,
    input: { id: NOBODYS_ID, type: ["call", "fax"] },
    expected: { refusal: malformed("type[1] invalid_value") },
  },
  {
    name: "refuses a period that ends before it begins",
    operation: getTimeline,
    input: { id: NOBODYS_ID, from: "2026-02-01T00:00:00Z", to: "2026-01-01T00:00:00Z" },
    expected: { refusal: malformed("to too_small") },
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, cases);

  const add = async (lastName: string): Promise<string> =>
    (await world.get(createContact, { contact: { lastName } })).id;
  const log = (contactId: string, interaction: JsonObject) =>
    world.get(createInteraction, { interaction: { type: "note", contactId, ...interaction } });
  const all = async (id: string, filter: JsonObject = {}): Promise<TimelineEntry[]> => {
    const entries: TimelineEntry[] = [];
    let cursor: string | null = null;
    do {
      const page: ReturnType<typeof getTimeline.value.parse> = await world.get(getTimeline, {
        id,
        limit: 2,
        ...filter,
        ...(cursor && { cursor }),
      });
      entries.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return entries;
  };
  const told = (entries: readonly TimelineEntry[]) =>
    entries.map(({ kind, action }) => `${kind} ${action}`);

  test("tells interactions, changes and merges in one stream, newest first", async () => {
    const { user } = world.tenant.admin;
    const id = await add("Timed");
    const sourceId = await add("Source");
    const call = await log(id, {
      type: "call",
      outcome: "busy",
      occurredAt: "2026-01-02T00:00:00Z",
    });
    const mail = await log(sourceId, { type: "email", occurredAt: "2026-01-01T00:00:00Z" });
    await world.get(updateContact, { id, contact: { title: "Buyer" } });
    await world.get(updateContact, { id: sourceId, contact: { company: "C" } });
    await world.get(mergeContacts, { id, sourceIds: [sourceId] });

    const entries = await all(id);
    expect(told(entries)).toEqual([
      "merge merged",
      "change updated",
      "change updated",
      "change created",
      "change created",
      "interaction call",
      "interaction email",
    ]);
    const [merge, ofSource, ofTarget, , , first, last] = entries;
    expect(merge).toMatchObject({
      contactId: id,
      userId: user.id,
      after: { sourceIds: [sourceId] },
    });
    expect(ofSource).toMatchObject({
      contactId: sourceId,
      before: { company: null },
      after: { company: "C" },
    });
    expect(ofTarget).toMatchObject({
      contactId: id,
      before: { title: null },
      after: { title: "Buyer" },
    });
    expect(first).toEqual({
      id: call.id,
      at: call.occurredAt,
      kind: "interaction",
      action: "call",
      userId: user.id,
      contactId: id,
      leadId: null,
      before: null,
      after: null,
      interaction: call,
    });
    expect(last).toMatchObject({ id: mail.id, contactId: id });
    // Of what it is part of.
    expect(await all(sourceId)).toEqual(entries);

    expect(told(await all(id, { type: "merge" }))).toEqual(["merge merged"]);
    expect(told(await all(id, { type: ["change"] }))).toHaveLength(4);
    expect(told(await all(id, { type: "interaction" }))).toHaveLength(2);
    expect(told(await all(id, { type: ["email", "sms"] }))).toEqual(["interaction email"]);
    expect(told(await all(id, { type: ["email", "merge"] }))).toEqual([
      "merge merged",
      "interaction email",
    ]);
    const january = { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" };
    expect(told(await all(id, january))).toEqual(["interaction email"]);
  });

  test("tells of leads what is kept of their changes, and conversions by themselves", async () => {
    const id = await add("Led");
    const leadId = Bun.randomUUIDv7();
    const tenantId = world.tenant.admin.tenant.id;
    await withClient(services.database.ownerUrl, async (owner) => {
      await owner.query(
        "INSERT INTO crm.leads (tenant_id, lead_id, contact_id, title) VALUES ($1, $2, $3, 'L')",
        [tenantId, leadId, id],
      );
      for (const [minute, action] of ["created", "transitioned", "converted"].entries()) {
        await owner.query(
          `INSERT INTO crm.audit_log
             (tenant_id, audit_id, occurred_at, request_id, entity, entity_id, action, before, after)
           VALUES ($1, $2, now() + make_interval(mins => $3), 'r', 'lead', $4, $5, $6, $6)`,
          [tenantId, Bun.randomUUIDv7(), minute + 1, leadId, action, { status: action }],
        );
      }
    });
    const entries = await all(id, { type: ["lead", "conversion"] });
    expect(told(entries)).toEqual(["conversion converted", "lead transitioned", "lead created"]);
    expect(entries[1]).toMatchObject({
      leadId,
      contactId: id,
      userId: null,
      after: { status: "transitioned" },
    });
    expect(entries[2]).toMatchObject({ before: null, after: null });
    expect(told(await all(id, { type: "conversion" }))).toEqual(["conversion converted"]);
    expect(told(await all(id, { type: "lead" }))).toHaveLength(2);
    expect(told(await all(id))).toHaveLength(4);
  });

  test("pages stay right while rows are added, also with equal times", async () => {
    const id = await add("Equal");
    const at = "2026-01-05T00:00:00.000Z";
    const logged: string[] = [];
    for (let number = 0; number < 5; number++) logged.push((await log(id, { occurredAt: at })).id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: ReturnType<typeof getTimeline.value.parse> = await world.get(getTimeline, {
        id,
        type: "note",
        limit: 2,
        ...(cursor && { cursor }),
      });
      seen.push(...page.items.map((entry) => entry.id));
      cursor = page.nextCursor;
      // It has the latest id of all, so it belongs to the first page.
      await log(id, { occurredAt: at });
    } while (cursor !== null);
    expect(seen).toEqual(logged.toReversed());
  });

  test("is of the contact as it is now, and hides another tenant's", async () => {
    const id = await add("Former");
    const otherId = await add("Latter");
    const note = await log(id, {});
    await world.get(updateInteraction, { id: note.id, interaction: { contactId: otherId } });
    expect(told(await all(id))).toEqual(["change created"]);
    expect(told(await all(otherId))).toEqual(["interaction note", "change created"]);
    const theirs = await world.call(getTimeline, { id }, { as: "stranger" });
    expectRefusal(world, theirs, notFound);
  });
});

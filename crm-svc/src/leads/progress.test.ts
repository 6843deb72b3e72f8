import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { createInteraction } from "../../../tools/testing/api/interactions.ts";
import {
  convertLead,
  deleteLead,
  getCustomer,
  getLead,
  getLeadHistory,
  getLeadScore,
  getLeadSettings,
  getPipeline,
  listCustomers,
  listLeads,
  setLeadSettings,
  snoozeLead,
  transitionLead,
  updateLead,
} from "../../../tools/testing/api/leads.ts";
import { mergeContacts } from "../../../tools/testing/api/merges.ts";
import { describeForEveryClient, expectRefusal, invalid } from "../../../tools/testing/cases.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { addContact, addLead } from "../../../tools/testing/leads.ts";
import { startServices } from "../../../tools/testing/services.ts";

const EUR = (amount: string) => ({ amount, currency: "EUR" });

const services = await startServices();

await describeForEveryClient(services, (world) => {
  test("transitions go their ways only, and are all remembered", async () => {
    const { id } = await addLead(world, { probability: 77 });
    const move = (to: string, rest: JsonObject = {}) =>
      world.call(transitionLead, { id, to, ...rest });
    const illegal = { kind: "wrongState", code: "illegal_transition" } as const;
    expectRefusal(world, await move("negotiation"), illegal);
    expectRefusal(world, await move("won"), illegal);
    expectRefusal(world, await move("new"), illegal);
    expect(await move("contacted", { note: "rang" })).toMatchObject({
      ok: true,
      value: { status: "contacted", probability: 20, probabilitySetBy: "status", version: 2 },
    });
    const stale = await move("qualified", { expectedVersion: 1 });
    expectRefusal(world, stale, { kind: "stale", code: "version_mismatch" });
    expect(await move("lost", { reason: "price" })).toMatchObject({
      value: { status: "lost", probability: 0, lostReason: "price" },
    });
    expect(await move("qualified", { reason: "they called" })).toMatchObject({
      value: { status: "qualified", lostReason: null },
    });
    const { transitions, timeInStatus } = await world.get(getLeadHistory, { id });
    const userId = world.tenant.admin.user.id;
    expect(transitions).toMatchObject([
      { number: 1, from: null, to: "new", userId, lastedSeconds: null },
      { number: 2, from: "new", to: "contacted", note: "rang", userId },
      { number: 3, from: "contacted", to: "lost", reason: "price", userId },
      { number: 4, from: "lost", to: "qualified", reason: "they called", userId },
    ]);
    for (const [at, { lastedSeconds }] of transitions.entries()) {
      const [former, each] = [transitions[at - 1], transitions[at]];
      if (former === undefined || each === undefined) continue;
      expect(lastedSeconds).toBe((Date.parse(each.at) - Date.parse(former.at)) / 1000);
    }
    expect(timeInStatus.map(({ status }) => status)).toEqual([
      "new",
      "contacted",
      "lost",
      "qualified",
    ]);
  });

  test("a conversion makes one customer of a contact", async () => {
    const contactId = await addContact(world);
    const first = await addLead(world, { contactId, value: EUR("12.30"), source: "fair" });
    const second = await addLead(world, { contactId, value: EUR("99") });
    const customer = await world.get(convertLead, { id: first.id });
    expect(customer).toMatchObject({ contactId, leadId: first.id, value: EUR("12.30") });
    expect(await world.get(convertLead, { id: first.id })).toEqual(customer);
    expect(await world.get(convertLead, { id: second.id })).toEqual(customer);
    expect(await world.get(getCustomer, { id: customer.id })).toEqual(customer);
    expect((await world.get(listCustomers, { contactId })).items).toEqual([customer]);
    for (const { id } of [first, second]) {
      expect(await world.get(getLead, { id })).toMatchObject({
        status: "won",
        probability: 100,
        customerId: customer.id,
        score: (await world.get(getLeadScore, { id })).score,
      });
    }
    const closed = await world.call(updateLead, { id: first.id, lead: { probability: 5 } });
    expectRefusal(world, closed, { kind: "wrongState", code: "lead_closed" });
    const again = await world.call(transitionLead, { id: first.id, to: "new" });
    expectRefusal(world, again, { kind: "wrongState", code: "illegal_transition" });
  });

  test("a lost lead must be reopened before it is won", async () => {
    const { id } = await addLead(world);
    await world.get(transitionLead, { id, to: "lost", reason: "gone" });
    const lost = { kind: "wrongState", code: "lead_lost" } as const;
    expectRefusal(world, await world.call(convertLead, { id }), lost);
    await world.get(transitionLead, { id, to: "negotiation" });
    await world.get(convertLead, { id });
  });

  test("leads and customers follow a contact that is merged", async () => {
    const [targetId, sourceId] = [await addContact(world), await addContact(world)];
    const lead = await addLead(world, { contactId: sourceId });
    const won = await addLead(world, { contactId: targetId });
    const [mine, theirs] = [
      await world.get(convertLead, { id: won.id }),
      await world.get(convertLead, { id: (await addLead(world, { contactId: sourceId })).id }),
    ];
    await world.get(mergeContacts, { id: targetId, sourceIds: [sourceId] });
    expect(await world.get(getLead, { id: lead.id })).toMatchObject({ contactId: targetId });
    expect((await world.get(listLeads, { contactId: sourceId })).items).toHaveLength(3);
    const added = await addLead(world, { contactId: sourceId });
    expect(added.contactId).toBe(targetId);
    expect((await world.get(convertLead, { id: added.id })).id).toBe(mine.id);
    if (world.client.kind !== "REST") {
      expect((await world.get(getCustomer, { id: theirs.id })).id).toBe(mine.id);
    }
  });

  test("the pipeline is as of any moment what it was then", async () => {
    const assignedUserId = (await world.tenant.addUser("sales")).user.id;
    const shown = async () => world.get(getPipeline, { assignedUserId });
    const lead = await addLead(world, { assignedUserId, value: EUR("100.10"), probability: 33 });
    await addLead(world, { assignedUserId, value: { amount: "5", currency: "USD" } });
    await addLead(world, { assignedUserId });
    const pipelines = [await shown()];
    for (const change of [
      () => world.get(updateLead, { id: lead.id, lead: { value: { amount: "200" } } }),
      () => world.get(transitionLead, { id: lead.id, to: "qualified" }),
      () => world.get(updateLead, { id: lead.id, lead: { probability: 1 } }),
      () => world.get(deleteLead, { id: lead.id }),
    ]) {
      // So that no two of them are of the same millisecond.
      await Bun.sleep(2);
      await change();
      pipelines.push(await shown());
      await Bun.sleep(2);
    }
    const [first] = pipelines;
    expect(first?.statuses[0]).toMatchObject({
      status: "new",
      count: 3,
      values: [
        { currency: "EUR", count: 1, value: EUR("100.10"), weightedValue: EUR("33.03") },
        { currency: "USD", count: 1, weightedValue: { amount: "0.50", currency: "USD" } },
      ],
    });
    expect(pipelines.map(({ statuses }) => statuses.map(({ count }) => count).join(""))).toEqual([
      "3000000",
      "3000000",
      "2010000",
      "2010000",
      "2000000",
    ]);
    for (const then of pipelines) {
      expect(await world.get(getPipeline, { assignedUserId, asOf: then.asOf })).toEqual(then);
    }
  });

  test("what was long ago counts for next to nothing, however short the half-life", async () => {
    const { scoring } = await world.get(getLeadSettings, {});
    await world.get(setLeadSettings, { scoring: { ...scoring, halfLifeDays: 1 } });
    const lead = await addLead(world);
    const occurredAt = "1970-01-01T00:00:00Z";
    const interaction = { type: "meeting", contactId: lead.contactId, occurredAt };
    await world.get(createInteraction, { interaction });
    expect((await world.get(getLeadScore, { id: lead.id })).score).toBe(lead.score);
    await world.get(updateLead, { id: lead.id, lead: { title: "T" } });
    await world.get(setLeadSettings, { scoring });
  });

  test("a snooze is answered to a repetition as it was, also when its time has passed", async () => {
    const { id } = await addLead(world);
    const until = new Date(Date.now() + 2_000).toISOString();
    const snooze = { id, until, reason: "soon" };
    const idempotencyKey = `key-${Bun.randomUUIDv7()}`;
    const first = await world.get(snoozeLead, snooze, { idempotencyKey });
    await eventually(async () => !(await world.call(snoozeLead, snooze)).ok, 10_000);
    expectRefusal(world, await world.call(snoozeLead, snooze), invalid("until too_early"));
    expect(await world.get(snoozeLead, snooze, { idempotencyKey })).toEqual(first);
  });

  test("a score tells its parts, and follows what happens", async () => {
    const lead = await addLead(world, { value: EUR("1000") });
    const { score, parts } = await world.get(getLeadScore, { id: lead.id });
    expect(score).toBe(lead.score);
    expect(Math.round(parts.reduce((sum, { points }) => sum + points, 0))).toBe(score);
    expect(parts.reduce((sum, { maxPoints }) => sum + maxPoints, 0)).toBeCloseTo(100);
    const interaction = { type: "meeting", contactId: lead.contactId, direction: "inbound" };
    await world.get(createInteraction, { interaction });
    const warmer = await world.get(getLeadScore, { id: lead.id });
    expect(warmer.score).toBeGreaterThan(score);
    const { lastActivityAt } = await world.get(getLead, { id: lead.id });
    expect(Date.parse(lastActivityAt)).toBeGreaterThan(Date.parse(lead.lastActivityAt));
  });
});

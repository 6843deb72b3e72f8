import { afterAll, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import { createContact } from "../../../tools/testing/api/contacts.ts";
import {
  createInteraction,
  listInteractions,
  updateInteraction,
} from "../../../tools/testing/api/interactions.ts";
import {
  createLead,
  getLead,
  getLeadScore,
  getLeadSettings,
  listInactiveLeads,
  setLeadSettings,
  snoozeLead,
  transitionLead,
  updateLead,
} from "../../../tools/testing/api/leads.ts";
import type { ApiOperation } from "../../../tools/testing/api/operation.ts";
import { expectCleanLog } from "../../../tools/testing/cases.ts";
import { openClients } from "../../../tools/testing/clients/all.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { flagNeglectedLeads } from "./follow-up/job.ts";
import type { Lead } from "./schema.ts";
import { scoreStaleLeads } from "./score/job.ts";

const WITHIN_MS = 30_000;
const RUNNERS = 3;

const services = await startServices({ JOBS_AT_ONCE: String(RUNNERS) });
const clients = openClients(services);
const [client] = clients;
afterAll(async () => {
  for (const each of clients) each.close();
  await services.stop();
});

async function open() {
  const tenant = await services.newTenant();
  const token = tenant.admin.accessToken;
  async function get<Value>(operation: ApiOperation<Value>, input: JsonObject): Promise<Value> {
    const outcome = await client?.call(operation, input, { token });
    if (outcome?.ok) return outcome.value;
    throw new Error(`${operation.method.name} was refused: ${JSON.stringify(outcome)}`);
  }
  const tenantId = tenant.admin.tenant.id;
  return {
    get,
    userId: tenant.admin.user.id,
    async addLead(lead: JsonObject = {}): Promise<Lead> {
      const contact = { lastName: Bun.randomUUIDv7() };
      const { id: contactId } = await get(createContact, { contact });
      return get(createLead, { lead: { contactId, title: "L", ...lead } });
    },
    /** Lets so many days pass for a lead. */
    age: (leadId: string, days: number) =>
      withClient(services.database.ownerUrl, (owner) =>
        owner.query(
          `update crm.leads set last_activity_at = last_activity_at - make_interval(days => $2),
             snoozed_until = snoozed_until - make_interval(days => $2)
           where lead_id = $1`,
          [leadId, days],
        ),
      ),
    /** Has a job run by all runners at once, until none of them is left. */
    run: (name: string) =>
      withClient(services.database.ownerUrl, async (owner) => {
        await owner.query(
          `select graphile_worker.add_job($1, json_build_object(
             'tenantId', $2::uuid, 'requestId', 'run-now', 'input', '{}'::json))
           from generate_series(1, $3)`,
          [name, tenantId, RUNNERS],
        );
        await eventually(async () => {
          const { rows } = await owner.query(
            `select from graphile_worker._private_jobs jobs
             where jobs.payload ->> 'tenantId' = $1 limit 1`,
            [tenantId],
          );
          return rows.length === 0;
        }, WITHIN_MS);
      }),
  };
}

test("a neglected lead is flagged once, and some activity clears it", async () => {
  const { get, userId, addLead, age, run } = await open();
  const tasks = async (contactId: string) =>
    (await get(listInteractions, { contactId, type: "task" })).items;
  const [called, moved, edited, snoozed, fresh] = await Promise.all([
    addLead(),
    addLead(),
    addLead(),
    addLead(),
    addLead(),
  ]);
  const neglected = [called, moved, edited, snoozed];
  for (const { id } of neglected) await age(id, 31);
  await age(fresh.id, 29);

  expect((await get(listInactiveLeads, {})).items.map(({ id }) => id)).toEqual(
    (await get(listInactiveLeads, { days: 30 })).items.map(({ id }) => id),
  );
  expect((await get(listInactiveLeads, { days: 29, limit: 100 })).items).toHaveLength(5);
  await run(flagNeglectedLeads.name);
  await run(flagNeglectedLeads.name);

  for (const { id, contactId, version } of neglected) {
    expect(await get(getLead, { id })).toMatchObject({ needsFollowUp: true, version });
    expect(await tasks(contactId)).toMatchObject([{ outcome: "open", userId, missing: [] }]);
  }
  expect(await get(getLead, { id: fresh.id })).toMatchObject({ needsFollowUp: false });
  expect(await tasks(fresh.contactId)).toEqual([]);

  await get(createInteraction, { interaction: { type: "note", contactId: called.contactId } });
  await get(transitionLead, { id: moved.id, to: "contacted" });
  await get(updateLead, { id: edited.id, lead: { title: "T" } });
  const until = new Date(Date.now() + 5 * 86_400_000).toISOString();
  await get(snoozeLead, { id: snoozed.id, until, reason: "on holiday" });
  await run(flagNeglectedLeads.name);
  for (const { id, contactId } of neglected) {
    expect(await get(getLead, { id })).toMatchObject({ needsFollowUp: false });
    expect(await tasks(contactId)).toHaveLength(1);
  }
  expect((await get(listInactiveLeads, {})).items).toEqual([]);
  const hidden = await get(listInactiveLeads, { includeSnoozed: true });
  expect(hidden.items).toMatchObject([{ id: snoozed.id, snoozeReason: "on holiday" }]);

  await age(snoozed.id, 6);
  await run(flagNeglectedLeads.name);
  expect(await get(getLead, { id: snoozed.id })).toMatchObject({ needsFollowUp: true });
  expect(await tasks(snoozed.contactId)).toHaveLength(2);
});

test("days without activity are those of the status", async () => {
  const { get, addLead, age, run } = await open();
  const [patient, urgent] = [await addLead(), await addLead({ status: "proposal" })];
  const { inactiveDays } = await get(getLeadSettings, {});
  await get(setLeadSettings, { inactiveDays: { ...inactiveDays, proposal: 7 } });
  await age(patient.id, 8);
  await age(urgent.id, 8);
  await run(flagNeglectedLeads.name);
  expect(await get(getLead, { id: patient.id })).toMatchObject({ needsFollowUp: false });
  const flagged = await get(getLead, { id: urgent.id });
  expect(flagged.needsFollowUp).toBe(true);
  const since = Date.parse(flagged.followUpSince ?? "");
  expect(since).toBe(Date.parse(flagged.lastActivityAt) + 7 * 86_400_000);
});

test("what was done long ago does not clear the flag", async () => {
  const { get, addLead, age, run } = await open();
  const lead = await addLead();
  await age(lead.id, 60);
  await run(flagNeglectedLeads.name);
  const log = (days: number) =>
    get(createInteraction, {
      interaction: {
        type: "note",
        contactId: lead.contactId,
        occurredAt: new Date(Date.now() - days * 86_400_000).toISOString(),
      },
    });
  await log(40);
  expect(await get(getLead, { id: lead.id })).toMatchObject({ needsFollowUp: true });
  await log(1);
  expect(await get(getLead, { id: lead.id })).toMatchObject({ needsFollowUp: false });
});

test("a kept score follows what it rests on", async () => {
  const { get, addLead, run } = await open();
  const lead = await addLead();
  const interaction = { type: "meeting", direction: "inbound", contactId: lead.contactId };
  const { id } = await get(createInteraction, { interaction });
  const score = async () => {
    await run(scoreStaleLeads.name);
    return (await get(getLead, { id: lead.id })).score;
  };
  const warmer = await score();
  expect(warmer).toBeGreaterThan(lead.score);
  expect(warmer).toBe((await get(getLeadScore, { id: lead.id })).score);
  // It was somebody else.
  const { contactId } = await addLead();
  await get(updateInteraction, { id, interaction: { contactId } });
  expect(await score()).toBe(lead.score);
});

test("new weights are applied to all leads", async () => {
  const { get, addLead } = await open();
  const lead = await addLead({ source: "fair" });
  const { scoring } = await get(getLeadSettings, {});
  const weights = { completeness: 0, engagement: 0, value: 0, source: 1, stage: 0 };
  await get(setLeadSettings, {
    scoring: { ...scoring, weights, sources: [{ source: "fair", percent: 91 }] },
  });
  await eventually(async () => (await get(getLead, { id: lead.id })).score === 91, WITHIN_MS);
});

test("nothing of it was a bug, and the log holds no secret", () => expectCleanLog(services));

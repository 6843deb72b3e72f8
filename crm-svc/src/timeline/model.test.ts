import { afterAll, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { withClient } from "../../../tools/local/database.ts";
import { createContact, updateContact } from "../../../tools/testing/api/contacts.ts";
import {
  createInteraction,
  deleteInteraction,
  getInteractionMetrics,
  getTimeline,
  reviewInteraction,
  updateInteraction,
} from "../../../tools/testing/api/interactions.ts";
import { mergeContacts, undoMerge } from "../../../tools/testing/api/merges.ts";
import type { ApiOperation } from "../../../tools/testing/api/operation.ts";
import { expectCleanLog } from "../../../tools/testing/cases.ts";
import { openClients } from "../../../tools/testing/clients/all.ts";
import { type Session, startServices } from "../../../tools/testing/services.ts";
import {
  type Command,
  command,
  figuresOf,
  groupOf,
  Model,
  type Person,
  pick,
} from "./model.fixtures.ts";
import type { TimelineEntry } from "./schema.ts";

// Random commands, done to the services and to a model of some lines; then both are asked.

const RUNS = 8;
const ZONES = [
  "America/Havana",
  "Europe/Berlin",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
  "Africa/Cairo",
];

const services = await startServices();
const clients = openClients(services);
afterAll(async () => {
  for (const client of clients) client.close();
  await services.stop();
});
const [client] = clients;
if (client === undefined) throw new Error("there is no client");
const tenant = await services.newTenant();

async function get<Value>(
  operation: ApiOperation<Value>,
  input: JsonObject,
  session: Session,
): Promise<Value> {
  const outcome = await client?.call(operation, input, { token: session.accessToken });
  if (outcome?.ok) return outcome.value;
  throw new Error(`${operation.method.name}: ${JSON.stringify(outcome)}`);
}

async function carryOut(model: Model, sessions: readonly Session[], step: Command): Promise<void> {
  const [admin] = sessions;
  if (admin === undefined) throw new Error("nobody is signed in");
  switch (step.do) {
    case "log": {
      const who = pick(sessions, step.who) ?? admin;
      const contact = pick(model.there(), step.contact);
      const { seconds: durationSeconds, direction, kind: of, at: occurredAt } = step;
      const interaction = {
        ...of,
        contactId: contact?.id ?? null,
        occurredAt,
        durationSeconds,
        direction,
      };
      const added = await get(createInteraction, { interaction }, who);
      expect(added).toMatchObject({ ...interaction, userId: who.user.id });
      model.interactions.set(added.id, added);
      return;
    }
    case "change": {
      const { id } = pick([...model.interactions.values()], step.interaction) ?? {};
      const contact = pick(model.there(), step.contact);
      if (id === undefined || contact === undefined) return;
      const interaction = { occurredAt: step.at, contactId: contact.id };
      model.interactions.set(id, await get(updateInteraction, { id, interaction }, admin));
      return;
    }
    case "remove": {
      const { id } = pick([...model.interactions.values()], step.interaction) ?? {};
      if (id === undefined) return;
      await get(deleteInteraction, { id }, admin);
      model.interactions.delete(id);
      return;
    }
    case "dismiss": {
      const waiting = [...model.interactions.values()].filter(
        ({ review }) => review?.status === "pending",
      );
      const { id } = pick(waiting, step.interaction) ?? {};
      if (id === undefined) return;
      const input = { id, action: "dismiss", reason: "R" };
      model.interactions.set(id, await get(reviewInteraction, input, admin));
      return;
    }
    case "rename": {
      const person = pick(model.there(), step.contact);
      if (person === undefined) return;
      const contact = { title: Bun.randomUUIDv7() };
      await get(updateContact, { id: person.id, contact }, admin);
      person.told.push("change updated");
      return;
    }
    case "merge": {
      const target = pick(model.there(), step.contact);
      const source = pick(
        model.there().filter((each) => each !== target),
        step.source,
      );
      if (target === undefined || source === undefined) return;
      const input = { id: target.id, sourceIds: [source.id] };
      const { mergeId } = await get(mergeContacts, input, admin);
      const moved = model.of(source).map(({ id }) => id);
      move(model, moved, target);
      source.mergedInto = target;
      target.told.push("merge merged");
      source.told.push("merge merged_away");
      model.merges.push({ id: mergeId, target, source, moved });
      return;
    }
    case "part": {
      const merge = model.merges.pop();
      if (merge === undefined) return;
      const { id, target, source, moved } = merge;
      await get(undoMerge, { id }, admin);
      move(
        model,
        moved.filter((each) => model.interactions.get(each)?.contactId === target.id),
        source,
      );
      source.mergedInto = null;
      target.told.push("merge merge_undone");
      source.told.push("merge merge_undone");
      return;
    }
  }
}

function move(model: Model, ids: readonly string[], to: Person): void {
  for (const id of ids) {
    const interaction = model.interactions.get(id);
    if (interaction) model.interactions.set(id, { ...interaction, contactId: to.id });
  }
}

async function wholeTimeline(id: string, filter: JsonObject, session: Session) {
  const entries: TimelineEntry[] = [];
  let cursor: string | null = null;
  do {
    const input: JsonObject = { id, limit: 3, ...filter, ...(cursor !== null && { cursor }) };
    const page = await get(getTimeline, input, session);
    entries.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return entries;
}

const newestFirst = (one: { at: string; id: string }, other: { at: string; id: string }): number =>
  one.at === other.at ? (one.id < other.id ? 1 : -1) : one.at < other.at ? 1 : -1;

test("timeline and metrics are those of a model, whatever was done", async () => {
  const sessions = [tenant.admin, await tenant.addUser("sales"), await tenant.addUser("manager")];
  const [admin] = sessions;
  if (admin === undefined) throw new Error("nobody is signed in");
  const before = new Date().toISOString();
  const run = async (commands: readonly Command[], zone: string): Promise<void> => {
    const model = new Model();
    for (let number = 0; number < 3; number++) {
      const contact = { lastName: Bun.randomUUIDv7() };
      const { id } = await get(createContact, { contact }, admin);
      model.people.push({ id, mergedInto: null, told: ["change created"] });
    }
    for (const step of commands) await carryOut(model, sessions, step);

    for (const person of model.there()) {
      const logged = model
        .of(person)
        .map(({ id, occurredAt }) => ({ id, at: occurredAt }))
        .toSorted(newestFirst);
      const entries = await wholeTimeline(person.id, {}, admin);
      expect(entries.toSorted(newestFirst)).toEqual(entries);
      const of = (wanted: (entry: TimelineEntry) => boolean) => entries.filter(wanted);
      const interactions = of((entry) => entry.kind === "interaction");
      expect(interactions.map(({ id, at: when }) => ({ id, at: when }))).toEqual(logged);
      const told = of((entry) => entry.kind !== "interaction");
      expect(told.map((entry) => `${entry.kind} ${entry.action}`).toSorted()).toEqual(
        model.told(person).toSorted(),
      );
      const own = told
        .filter(({ contactId }) => contactId === person.id)
        .map((entry) => `${entry.kind} ${entry.action}`);
      expect(own).toEqual(person.told.toReversed());
      expect(await wholeTimeline(person.id, { type: ["call", "email"] }, admin)).toEqual(
        of(({ action }) => action === "call" || action === "email"),
      );
      expect(await wholeTimeline(person.id, { to: before }, admin)).toEqual(interactions);
    }

    await withClient(services.database.ownerUrl, (owner) =>
      owner.query("UPDATE identity.tenants SET time_zone = $2 WHERE tenant_id = $1", [
        tenant.admin.tenant.id,
        zone,
      ]),
    );
    const from = "2025-03-09T04:30:00.000Z";
    const period = { from, to: "2025-11-02T05:00:00.000Z" };
    for (const groupBy of ["type", "user", "outcome", "direction", "day", "week", "month"]) {
      for (const filter of [{}, period, { type: "call", from }]) {
        // Of this run's contacts alone.
        for (const { id: contactId } of model.there()) {
          const { items, total } = await get(
            getInteractionMetrics,
            { groupBy, contactId, ...filter },
            admin,
          );
          const counted = [...model.interactions.values()].filter(
            (each) =>
              each.contactId === contactId &&
              (!("from" in filter) || each.occurredAt >= filter.from) &&
              (!("to" in filter) || each.occurredAt < filter.to) &&
              (!("type" in filter) || each.type === filter.type),
          );
          const groups = Map.groupBy(counted, (each) => groupOf(groupBy, zone, each));
          const order = (group: string | null): string => group ?? "\uffff";
          const expected = [...groups]
            .toSorted(([one], [other]) => (order(one) < order(other) ? -1 : 1))
            .map(([group, of]) => figuresOf(group, of));
          expect(items, `${groupBy} in ${zone}`).toEqual(expected);
          expect(total).toEqual(figuresOf(null, counted));
        }
      }
    }
  };
  const commands = fc.array(command, { minLength: 5, maxLength: 30, size: "max" });
  await fc.assert(fc.asyncProperty(commands, fc.constantFrom(...ZONES), run), {
    numRuns: RUNS,
    endOnFailure: true,
  });
}, 300_000);

test("nothing of it was a bug, and the log holds no secret", () => expectCleanLog(services));

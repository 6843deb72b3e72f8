import { afterAll, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { createContact } from "../../../tools/testing/api/contacts.ts";
import {
  convertLead,
  createLead,
  deleteLead,
  getLeadHistory,
  getLeadMetrics,
  getPipeline,
  listCustomers,
  listLeads,
  transitionLead,
  updateLead,
} from "../../../tools/testing/api/leads.ts";
import type { ApiOperation } from "../../../tools/testing/api/operation.ts";
import { expectCleanLog } from "../../../tools/testing/cases.ts";
import { openClients } from "../../../tools/testing/clients/all.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { PROBABILITIES, TRANSITIONS } from "./rules.ts";
import { LEAD_STATUSES, type LeadStatus, OPEN_STATUSES } from "./schema.ts";

const RUNS = 12;

const services = await startServices();
const clients = openClients(services);
const [client] = clients;
afterAll(async () => {
  for (const each of clients) each.close();
  await services.stop();
});

/** All that the model knows of a lead. */
interface Known {
  readonly contact: number;
  status: LeadStatus;
  cents: bigint | null;
  currency: string;
  probability: number | null;
  readonly ways: LeadStatus[];
  deleted: boolean;
}

type Command =
  | {
      readonly kind: "create";
      readonly contact: number;
      readonly status: LeadStatus;
      readonly value: Value;
    }
  | { readonly kind: "value"; readonly at: number; readonly value: Value }
  | { readonly kind: "probability"; readonly at: number; readonly probability: number | null }
  | { readonly kind: "move"; readonly at: number; readonly to: LeadStatus }
  | { readonly kind: "convert"; readonly at: number }
  | { readonly kind: "delete"; readonly at: number }
  | { readonly kind: "look" };
type Value = readonly [cents: bigint, currency: string] | null;

const CONTACTS = 3;
const value: fc.Arbitrary<Value> = fc.option(
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 13n }), fc.constantFrom("EUR", "USD")),
);
const at = fc.nat();
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      contact: fc.nat({ max: CONTACTS - 1 }),
      status: fc.constantFrom(...OPEN_STATUSES),
      value,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("value" as const), at, value }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("probability" as const),
      at,
      probability: fc.option(fc.nat({ max: 100 })),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("move" as const),
      at,
      to: fc.constantFrom(...LEAD_STATUSES),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("convert" as const), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("look" as const) }) },
);

test("whatever is done, leads, histories and pipelines are as a small model has them", async () => {
  await fc.assert(fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), follow), {
    numRuns: RUNS,
    endOnFailure: true,
  });
}, 120_000);

test("nothing of it was a bug, and the log holds no secret", () => expectCleanLog(services));

async function follow(commands: readonly Command[]): Promise<void> {
  const tenant = await services.newTenant();
  const token = tenant.admin.accessToken;
  const call = <Value>(operation: ApiOperation<Value>, input: JsonObject) => {
    if (client === undefined) throw new Error("there is no client");
    return client.call(operation, input, { token });
  };
  const get = async <Value>(operation: ApiOperation<Value>, input: JsonObject): Promise<Value> => {
    const outcome = await call(operation, input);
    if (outcome.ok) return outcome.value;
    throw new Error(`${operation.method.name} was refused: ${JSON.stringify(outcome)}`);
  };
  const contacts = await Promise.all(
    Array.from({ length: CONTACTS }, async (_, number) => {
      const contact = { lastName: `Contact ${number}` };
      return (await get(createContact, { contact, allowDuplicate: true })).id;
    }),
  );
  const model = new Map<string, Known>();
  const looks: { readonly asOf: string; readonly shown: string }[] = [];

  for (const step of commands) {
    if (step.kind === "create") {
      const lead = await get(createLead, {
        lead: {
          contactId: contacts[step.contact] ?? "",
          title: "L",
          status: step.status,
          value: moneyOf(step.value),
        },
      });
      const [cents, currency] = step.value ?? [null, ""];
      const { status } = step;
      const known = { contact: step.contact, status, cents, currency };
      model.set(lead.id, { ...known, probability: null, ways: [status], deleted: false });
      continue;
    }
    if (step.kind === "look") {
      // So that nothing else is of the same millisecond.
      await Bun.sleep(2);
      const { asOf, statuses } = await get(getPipeline, {});
      expect(statuses.map(withoutMedian)).toEqual(pipelineOf(model));
      looks.push({ asOf, shown: JSON.stringify(statuses) });
      await Bun.sleep(2);
      continue;
    }
    const there = [...model].filter(([, { deleted }]) => !deleted);
    const [id, known] = there[step.at % there.length] ?? [];
    if (id === undefined || known === undefined) continue;
    const closed = known.status === "won" || known.status === "lost";
    switch (step.kind) {
      case "value": {
        await get(updateLead, { id, lead: { value: moneyOf(step.value) } });
        [known.cents, known.currency] = step.value ?? [null, ""];
        break;
      }
      case "probability": {
        const lead = { probability: step.probability };
        const { ok } = await call(updateLead, { id, lead });
        expect(ok).toBe(!closed || step.probability === null);
        if (ok) known.probability = step.probability;
        break;
      }
      case "move": {
        const { ok } = await call(transitionLead, { id, to: step.to, reason: "R" });
        expect(ok, `${known.status} to ${step.to}`).toBe(
          TRANSITIONS[known.status].includes(step.to),
        );
        if (ok) moved(known, step.to);
        break;
      }
      case "convert": {
        const { ok } = await call(convertLead, { id });
        expect(ok).toBe(known.status !== "lost");
        if (ok && known.status !== "won") moved(known, "won");
        break;
      }
      case "delete": {
        await get(deleteLead, { id });
        known.deleted = true;
        break;
      }
    }
  }

  const kept = [...model].filter(([, { deleted }]) => !deleted);
  const { items } = await get(listLeads, { limit: 100 });
  expect(new Map(items.map((lead) => [lead.id, shownOf(lead)]))).toEqual(
    new Map(kept.map(([id, known]) => [id, knownOf(known)])),
  );
  for (const [id, { ways }] of kept) {
    const { transitions } = await get(getLeadHistory, { id });
    expect(transitions.map(({ to }) => to)).toEqual(ways);
  }
  const buyers = [...model.values()].filter(({ status }) => status === "won");
  const customers = await get(listCustomers, {});
  expect(customers.items).toHaveLength(new Set(buyers.map(({ contact }) => contact)).size);
  for (const { asOf, shown } of looks) {
    expect(JSON.stringify((await get(getPipeline, { asOf })).statuses)).toBe(shown);
  }
  const { funnel, total } = await get(getLeadMetrics, { groupBy: "source" });
  const stages = LEAD_STATUSES.filter((status) => status !== "lost");
  expect(funnel.map(({ reached }) => reached)).toEqual(
    stages.map(
      (_, stage) =>
        kept.filter(
          ([, { ways }]) =>
            ways.some((way) => way !== "lost" && stages.indexOf(way) >= stage) || stage === 0,
        ).length,
    ),
  );
  const count = (status: LeadStatus) => kept.filter(([, known]) => known.status === status).length;
  expect(total).toMatchObject({ created: kept.length, won: count("won"), lost: count("lost") });
}

function moved(known: Known, to: LeadStatus): void {
  known.status = to;
  known.probability = null;
  known.ways.push(to);
}

function moneyOf(given: Value): { amount: string; currency: string } | null {
  return given === null ? null : { amount: decimal(given[0]), currency: given[1] };
}

function decimal(cents: bigint): string {
  return `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
}

function knownOf({ status, cents, currency, probability }: Known) {
  return {
    status,
    value: cents === null ? null : { amount: decimal(cents), currency },
    probability: probability ?? PROBABILITIES[status],
  };
}

function shownOf({ status, value: shown, probability }: ReturnType<typeof knownOf>) {
  return { status, value: shown, probability };
}

function pipelineOf(model: ReadonlyMap<string, Known>) {
  return LEAD_STATUSES.map((status) => {
    const leads = [...model.values()].filter((known) => !known.deleted && known.status === status);
    const values = ["EUR", "USD"].flatMap((currency) => {
      const valued = leads.filter((known) => known.cents !== null && known.currency === currency);
      if (valued.length === 0) return [];
      const sum = (of: (known: Known) => bigint) =>
        valued.reduce((whole, known) => whole + of(known), 0n);
      const percents = sum(
        ({ cents, probability }) => (cents ?? 0n) * BigInt(probability ?? PROBABILITIES[status]),
      );
      return {
        currency,
        count: valued.length,
        value: { amount: decimal(sum(({ cents }) => cents ?? 0n)), currency },
        weightedValue: { amount: decimal((percents + 50n) / 100n), currency },
      };
    });
    return { status, count: leads.length, values };
  });
}

function withoutMedian<Status extends { readonly medianDaysInStatus: number | null }>({
  medianDaysInStatus: _,
  ...rest
}: Status) {
  return rest;
}

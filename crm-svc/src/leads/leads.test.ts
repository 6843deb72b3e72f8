import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  convertLead,
  createLead,
  deleteLead,
  getLead,
  getLeadSettings,
  getPipeline,
  listCustomers,
  listLeads,
  setLeadSettings,
  transitionLead,
  updateLead,
} from "../../../tools/testing/api/leads.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  forbidden,
  invalid,
  malformed,
  notFound,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { addContact, addLead } from "../../../tools/testing/leads.ts";
import { startServices } from "../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();
const EUR = (amount: string) => ({ amount, currency: "EUR" });

function refused(name: string, lead: JsonObject, ...fields: string[]): Case {
  return {
    name: `refuses ${name}`,
    operation: createLead,
    input: async (world) => ({ lead: { contactId: await addContact(world), title: "L", ...lead } }),
    expected: { refusal: invalid(...fields) },
  };
}

const cases: readonly Case[] = [
  ...(
    [
      [createLead, { lead: { contactId: NOBODYS_ID, title: "L" } }],
      [getLead, { id: NOBODYS_ID }],
      [listLeads, {}],
      [updateLead, { id: NOBODYS_ID, lead: { title: "T" } }],
      [deleteLead, { id: NOBODYS_ID }],
      [transitionLead, { id: NOBODYS_ID, to: "contacted" }],
      [convertLead, { id: NOBODYS_ID }],
      [getPipeline, {}],
      [getLeadSettings, {}],
      [listCustomers, {}],
    ] as const
  ).map(
    ([operation, input]): Case => ({
      name: `${operation.method.name} is for users only`,
      as: "nobody",
      operation,
      input,
      expected: { refusal: unauthenticated },
    }),
  ),
  ...(
    [
      ["sales", deleteLead, { id: NOBODYS_ID }],
      ["marketing", transitionLead, { id: NOBODYS_ID, to: "contacted" }],
      ["marketing", convertLead, { id: NOBODYS_ID }],
      ["marketing", updateLead, { id: NOBODYS_ID, lead: { title: "T" } }],
      ["sales", setLeadSettings, {}],
    ] as const
  ).map(
    ([as, operation, input]): Case => ({
      name: `${as} may not ${operation.method.name}`,
      as,
      operation,
      input,
      expected: { refusal: forbidden },
    }),
  ),
  {
    name: "keeps all that it is given",
    operation: createLead,
    input: async (world) => ({
      lead: {
        contactId: await addContact(world),
        title: " Fleet ",
        value: { amount: "0012345678901234.5", currency: "eur" },
        probability: 35,
        expectedCloseAt: "2027-01-31T10:00:00+01:00",
        source: "fair",
        status: "qualified",
      },
    }),
    expected: {
      value: {
        title: "Fleet",
        value: EUR("12345678901234.50"),
        probability: 35,
        probabilitySetBy: "person",
        expectedCloseAt: "2027-01-31T09:00:00.000Z",
        source: "fair",
        status: "qualified",
        version: 1,
      },
    },
  },
  refused(
    "an amount beyond numeric(18,2)",
    { value: EUR("1".repeat(17)) },
    "value.amount invalid_format",
  ),
  refused("a third decimal", { value: EUR("1.234") }, "value.amount invalid_format"),
  refused("a negative amount", { value: EUR("-1") }, "value.amount invalid_format"),
  refused(
    "an unknown currency",
    { value: { amount: "1", currency: "EUX" } },
    "value.currency unknown_currency",
  ),
  refused("an amount without a currency", { value: { amount: "1" } }, "value.currency required"),
  refused("a currency without an amount", { value: { currency: "EUR" } }, "value.amount required"),
  refused("101 percent", { probability: 101 }, "probability too_big"),
  refused("less than nothing", { probability: -1 }, "probability too_small"),
  refused("1900", { expectedCloseAt: "1900-01-01T00:00:00Z" }, "expectedCloseAt too_early"),
  refused("2101", { expectedCloseAt: "2101-01-01T00:00:00Z" }, "expectedCloseAt too_late"),
  {
    ...refused(
      "a time without a zone",
      { expectedCloseAt: "2027-01-01T00:00:00" },
      "expectedCloseAt invalid_format",
    ),
    over: "REST",
  },
  refused("a lead that is won already", { status: "won" }, "status invalid_value"),
  refused("an empty title", { title: " " }, "title too_small"),
  {
    name: "refuses a contact who is not there",
    operation: createLead,
    input: { lead: { title: "L", contactId: NOBODYS_ID } },
    expected: { refusal: { ...notFound, fields: ["contactId not_found"] } },
  },
  {
    name: "refuses an assignee who is not there",
    operation: createLead,
    input: async (world) => ({
      lead: { title: "L", contactId: await addContact(world), assignedUserId: NOBODYS_ID },
    }),
    expected: { refusal: { ...notFound, fields: ["assignedUserId not_found"] } },
  },
  {
    name: "refuses another company's user as if they were not there",
    operation: createLead,
    input: async (world) => ({
      lead: {
        title: "L",
        contactId: await addContact(world),
        assignedUserId: (await world.sessionOf("stranger")).user.id,
      },
    }),
    expected: { refusal: { ...notFound, fields: ["assignedUserId not_found"] } },
  },
  {
    name: "refuses to lose a lead without a reason",
    operation: transitionLead,
    input: async (world) => ({ id: (await addLead(world)).id, to: "lost" }),
    expected: { refusal: invalid("reason required") },
  },
  {
    name: "refuses a span that ends before it begins",
    operation: listLeads,
    input: { createdFrom: "2026-02-01T00:00:00Z", createdTo: "2026-01-01T00:00:00Z" },
    expected: { refusal: malformed("createdTo too_small") },
  },
  {
    name: "refuses a pipeline of the future",
    operation: getPipeline,
    input: { asOf: "2090-01-01T00:00:00Z" },
    expected: { refusal: malformed("asOf too_late") },
  },
  {
    name: "refuses weights that are all 0",
    operation: setLeadSettings,
    input: {
      scoring: {
        weights: { completeness: 0, engagement: 0, value: 0, source: 0, stage: 0 },
        halfLifeDays: 30,
        fullValue: "10",
        sources: [],
      },
    },
    expected: { refusal: invalid("scoring.weights too_small") },
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, cases);

  test("a lead is the caller's, and lists find it by what it is", async () => {
    const source = `s${Bun.randomUUIDv7()}`;
    const made = await addLead(world, { source, value: EUR("10") });
    expect(made.assignedUserId).toBe(world.tenant.admin.user.id);
    expect(made).toMatchObject({ status: "new", probability: 10, probabilitySetBy: "status" });
    expect(await world.get(getLead, { id: made.id })).toEqual(made);
    const found = async (filter: JsonObject) =>
      (await world.get(listLeads, { source, ...filter })).items.map(({ id }) => id);
    for (const filter of [
      {},
      { status: ["new", "lost"] },
      { assignedUserId: "me" },
      { contactId: made.contactId },
      { minValue: "10", maxValue: "10.00", currency: "EUR" },
      { assignedUserStatus: "active" },
      { createdFrom: made.createdAt },
    ]) {
      expect(await found(filter), JSON.stringify(filter)).toEqual([made.id]);
    }
    for (const filter of [
      { status: ["won"] },
      { assignedUserId: "none" },
      { minValue: "10.01" },
      { maxValue: "9.99" },
      { currency: "USD" },
      { assignedUserStatus: "disabled" },
      { needsFollowUp: true },
      { createdTo: made.createdAt },
      { closeFrom: "2001-01-01T00:00:00Z" },
    ]) {
      expect(await found(filter), JSON.stringify(filter)).toEqual([]);
    }
  });

  test("every order has all leads once, page by page", async () => {
    const contactId = await addContact(world);
    const values = ["5", "7", "7", null, "1000000000000000.01"];
    for (const [at, amount] of values.entries()) {
      await addLead(world, {
        contactId,
        value: amount === null ? null : EUR(amount),
        expectedCloseAt: at % 2 === 0 ? `2027-0${at + 1}-01T00:00:00Z` : null,
      });
    }
    for (const by of ["createdAt", "updatedAt", "expectedCloseAt", "value", "score"]) {
      const orders: string[][] = [];
      for (const sort of [by, `-${by}`]) {
        const ids: string[] = [];
        for (let cursor: string | null | undefined; cursor !== null; ) {
          const page = await world.get(listLeads, {
            contactId,
            sort,
            limit: 2,
            ...(cursor !== undefined && { cursor }),
          });
          ids.push(...page.items.map(({ id }) => id));
          cursor = page.nextCursor;
        }
        orders.push(ids);
      }
      const [up = [], down = []] = orders;
      expect(new Set(up).size, by).toBe(5);
      expect(down, by).toEqual(up.toReversed());
    }
  });

  test("a patch changes what it names, part by part of the value", async () => {
    const made = await addLead(world, { value: EUR("10"), source: "web" });
    const change = (lead: JsonObject) => world.get(updateLead, { id: made.id, lead });
    expect(await change({ value: { amount: "20" } })).toMatchObject({ value: EUR("20.00") });
    expect(await change({ probability: 99, source: null })).toMatchObject({
      probability: 99,
      probabilitySetBy: "person",
      source: null,
    });
    expect(await change({ probability: null, value: null })).toMatchObject({
      probability: 10,
      probabilitySetBy: "status",
      value: null,
      version: 4,
    });
    expect(await change({ title: "L" })).toMatchObject({ version: 4 });
    const stale = await world.call(updateLead, {
      id: made.id,
      lead: { title: "T" },
      expectedVersion: 1,
    });
    expectRefusal(world, stale, { kind: "stale", code: "version_mismatch" });
    const part = await world.call(updateLead, { id: made.id, lead: { value: { amount: "1" } } });
    expectRefusal(world, part, invalid("value.currency required"));
  });

  test("sales change their own leads only, and do not give them away", async () => {
    const other = (await world.sessionOf("manager")).user.id;
    const contactId = await addContact(world);
    const lead = { title: "L", contactId };
    const own = await world.get(createLead, { lead }, { as: "sales" });
    const foreign = await addLead(world, { contactId, assignedUserId: other });
    await world.get(updateLead, { id: own.id, lead: { title: "T" } }, { as: "sales" });
    for (const [operation, input] of [
      [updateLead, { lead: { title: "T" } }],
      [transitionLead, { to: "contacted" }],
      [convertLead, {}],
    ] as const) {
      const outcome = await world.call<unknown>(
        operation,
        { id: foreign.id, ...input },
        { as: "sales" },
      );
      expectRefusal(world, outcome, notFound);
    }
    const away = { id: own.id, lead: { assignedUserId: other } };
    expectRefusal(world, await world.call(updateLead, away, { as: "sales" }), forbidden);
  });
});

import { afterAll, expect, test } from "bun:test";
import { listCrmAudit } from "../../../tools/testing/api/audit.ts";
import { createContact, getContact } from "../../../tools/testing/api/contacts.ts";
import {
  convertLead,
  createLead,
  getLead,
  getLeadHistory,
  setLeadSettings,
  transitionLead,
} from "../../../tools/testing/api/leads.ts";
import type { ApiOperation } from "../../../tools/testing/api/operation.ts";
import { deleteUser } from "../../../tools/testing/api/users.ts";
import { expectCleanLog } from "../../../tools/testing/cases.ts";
import { openClients } from "../../../tools/testing/clients/all.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { expectAgreement } from "./agreement.fixtures.ts";

const AT_ONCE = 50;

const services = await startServices();
const tenant = await services.newTenant();
const clients = openClients(services);
afterAll(async () => {
  for (const client of clients) client.close();
  await services.stop();
});

/** Calls as an admin, each time by the next of all clients. */
let calls = 0;
function call<Value>(
  operation: ApiOperation<Value>,
  input: Parameters<NonNullable<ApiOperation<Value>["message"]>>[0],
) {
  const client = clients[calls++ % clients.length];
  if (client === undefined) throw new Error("there is no client");
  return client.call(operation, input, { token: tenant.admin.accessToken });
}

async function get<Value>(...[operation, input]: Parameters<typeof call<Value>>): Promise<Value> {
  const outcome = await call(operation, input);
  if (outcome.ok) return outcome.value;
  throw new Error(`${operation.method.name} was refused: ${JSON.stringify(outcome)}`);
}

async function addContact(country?: string): Promise<string> {
  const address = country === undefined ? null : { country };
  return (await get(createContact, { contact: { lastName: Bun.randomUUIDv7(), address } })).id;
}

async function addLead(contactId: string, lead = {}): Promise<string> {
  return (await get(createLead, { lead: { contactId, title: "L", ...lead } })).id;
}

function atOnce<Result>(run: (at: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: AT_ONCE }, (_, at) => run(at)));
}

test.each([[true], [false]])(
  "of 50 transitions at once, one wins (with the version: %p)",
  async (versioned) => {
    const id = await addLead(await addContact());
    const outcomes = await atOnce(() =>
      call(transitionLead, { id, to: "contacted", ...(versioned && { expectedVersion: 1 }) }),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    const codes = outcomes.flatMap((outcome) => (outcome.ok ? [] : outcome.code));
    expect(new Set(codes)).toEqual(
      new Set([versioned ? "version_mismatch" : "illegal_transition"]),
    );
    const lead = await get(getLead, { id });
    expect(lead).toMatchObject({ status: "contacted", version: 2 });
    const { transitions } = await get(getLeadHistory, { id });
    expect(transitions.map(({ to }) => to)).toEqual(["new", "contacted"]);
    expect(transitions.at(-1)?.at).toBe(lead.statusSince);
    const { items } = await get(listCrmAudit, { entity: "lead", entityId: id });
    expect(items.map(({ action }) => action)).toEqual(["transitioned", "created"]);
    await expectAgreement(services.database.ownerUrl, id);
  },
);

test("50 conversions of two leads of a contact make one customer", async () => {
  const contactId = await addContact();
  const ids = [await addLead(contactId), await addLead(contactId)];
  const customers = await atOnce((at) => get(convertLead, { id: ids[at % 2] ?? "" }));
  expect(new Set(customers.map((customer) => JSON.stringify(customer))).size).toBe(1);
  const [customer] = customers;
  for (const id of ids) {
    expect(await get(getLead, { id })).toMatchObject({
      status: "won",
      version: 2,
      customerId: customer?.id ?? "",
    });
    const { items } = await get(listCrmAudit, { entity: "lead", entityId: id });
    expect(items.map(({ action }) => action)).toEqual(["converted", "created"]);
    await expectAgreement(services.database.ownerUrl, id);
  }
  const { items } = await get(listCrmAudit, { entity: "customer", entityId: customer?.id ?? "" });
  expect(items.map(({ action }) => action)).toEqual(["created"]);
  const contact = await get(getContact, { id: contactId });
  expect(contact).toMatchObject({ lifecycleStage: "customer", version: 2 });
});

test("leads that come at once go round exactly, by rule and past who is disabled", async () => {
  const users = await Promise.all(
    (["sales", "sales", "sales", "marketing"] as const).map((role) => tenant.addUser(role)),
  );
  const [one = "", two = "", three = "", gone = ""] = users.map(({ user }) => user.id);
  await get(deleteUser, { id: gone });
  const rule = { name: "big in France", countries: ["FR"], currency: "EUR", minValue: "1000" };
  await get(setLeadSettings, {
    assignment: {
      mode: "rules",
      userIds: [one, gone, two, three],
      rules: [{ ...rule, userIds: [three, one] }],
    },
  });
  const [french, other] = [await addContact("FR"), await addContact("DE")];
  const value = { amount: "1000.00", currency: "EUR" };
  const assigned = await atOnce(async (at) => {
    const big = at % 5 === 0;
    const contactId = big ? french : other;
    const lead = await get(createLead, { lead: { contactId, title: "L", value } });
    return { big, assignee: lead.assignedUserId ?? "" };
  });
  const countOf = (leads: typeof assigned) =>
    new Map(
      [one, two, three, gone].map((id) => [id, leads.filter((l) => l.assignee === id).length]),
    );
  const ruled = countOf(assigned.filter(({ big }) => big));
  expect([ruled.get(one), ruled.get(two), ruled.get(three), ruled.get(gone)]).toEqual([5, 0, 5, 0]);
  const rest = countOf(assigned.filter(({ big }) => !big));
  expect([one, two, three].map((id) => rest.get(id)).toSorted()).toEqual([13, 13, 14]);
  expect(rest.get(gone)).toBe(0);
  await get(setLeadSettings, { assignment: { mode: "manual", userIds: [], rules: [] } });
});

test("nothing of it was a bug, and the log holds no secret", () => expectCleanLog(services));

import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import {
  createContact,
  deleteContact,
  getContact,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import { listMerges, mergeContacts, undoMerge } from "../../../tools/testing/api/merges.ts";
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
  type World,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const [ONE, OTHER] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];

function refusesToMerge(what: string, input: JsonObject, refusal: object): Case {
  return {
    name: `merge refuses ${what}`,
    operation: mergeContacts,
    input: { id: ONE, sourceIds: [OTHER], ...input },
    expected: { refusal: refusal as ReturnType<typeof invalid> },
  };
}

const cases: readonly Case[] = [
  ...[
    { operation: mergeContacts, input: { id: ONE, sourceIds: [OTHER] } },
    { operation: undoMerge, input: { id: ONE } },
  ].flatMap(({ operation, input }): Case[] => [
    {
      name: `${operation.method.name} is for users only`,
      as: "nobody",
      operation,
      input,
      expected: { refusal: unauthenticated },
    },
    ...(["sales", "marketing"] as const).map(
      (as): Case => ({
        name: `${operation.method.name} is not for ${as}`,
        as,
        operation,
        input,
        expected: { refusal: forbidden },
      }),
    ),
  ]),
  refusesToMerge("without sources", { sourceIds: [] }, invalid("sourceIds too_small")),
  refusesToMerge(
    "21 sources",
    { sourceIds: Array.from({ length: 21 }, () => Bun.randomUUIDv7()) },
    invalid("sourceIds too_big"),
  ),
  refusesToMerge(
    "a contact twice, however it is written",
    { sourceIds: [OTHER, OTHER.toUpperCase()] },
    invalid("sourceIds[1] duplicate"),
  ),
  refusesToMerge("what is no id", { sourceIds: ["me"] }, invalid("sourceIds[0] invalid_format")),
  refusesToMerge(
    "a contact into itself, or another twice",
    { sourceIds: [OTHER, ONE, OTHER] },
    invalid("sourceIds[1] is_target", "sourceIds[2] duplicate"),
  ),
  refusesToMerge(
    "values of somebody else",
    { choose: { email: Bun.randomUUIDv7() } },
    invalid("choose.email not_merged"),
  ),
  refusesToMerge("who is not there", {}, notFound),
  {
    name: "an unknown merge cannot be undone",
    operation: undoMerge,
    input: { id: ONE },
    expected: { refusal: notFound },
  },
  {
    name: "nor what is no id",
    operation: undoMerge,
    input: { id: "last" },
    expected: { refusal: malformed("id invalid_format") },
  },
  {
    name: "who is not there has no merges",
    operation: listMerges,
    input: { id: ONE },
    expected: { refusal: notFound },
  },
];

const services = await startServices();

/** Puts an interaction, a lead and, if asked for, a customer under a contact. Returns their ids. */
async function give(contactId: string, tenantId: string, customer: boolean) {
  const ids = [Bun.randomUUIDv7(), Bun.randomUUIDv7(), customer ? Bun.randomUUIDv7() : null];
  await withClient(services.database.ownerUrl, async (owner) => {
    await owner.query(
      `INSERT INTO crm.interactions (tenant_id, interaction_id, contact_id, type, occurred_at)
       VALUES ($1, $2, $3, 'note', now())`,
      [tenantId, ids[0], contactId],
    );
    await owner.query(
      "INSERT INTO crm.leads (tenant_id, lead_id, contact_id, title) VALUES ($1, $2, $3, 'A lead')",
      [tenantId, ids[1], contactId],
    );
    if (!customer) return;
    await owner.query(
      `INSERT INTO crm.customers (tenant_id, customer_id, contact_id, lead_id) VALUES ($1, $2, $3, $4)`,
      [tenantId, ids[2], contactId, ids[1]],
    );
  });
  return ids;
}

/** Whose the rows of a tenant are, by the rows' ids. */
async function holders(tenantId: string): Promise<Record<string, string | null>> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ id: string; holder: string | null }>(
      `SELECT interaction_id AS id, contact_id::text AS holder FROM crm.interactions WHERE tenant_id = $1
       UNION ALL SELECT lead_id, contact_id::text FROM crm.leads WHERE tenant_id = $1
       UNION ALL SELECT customer_id, coalesce('customer ' || merged_into, contact_id::text)
                 FROM crm.customers WHERE tenant_id = $1`,
      [tenantId],
    );
    return Object.fromEntries(rows.map(({ id, holder }) => [id, holder]));
  });
}

const TARGET = { firstName: "J.", lastName: "Weaver", phone: "+49 731 1555 01", tags: ["a", "b"] };
const SOURCE = {
  firstName: "Judith",
  lastName: "Weaver-Hill",
  email: "judith@weaver.example",
  phone: "+49 731 1555 02",
  company: "Weaver",
  lifecycleStage: "qualified",
  address: { city: "Ulm" },
  tags: ["b", "c"],
};

await describeForEveryClient(services, (world: World) => {
  testCases(world, cases);

  const make = async (contact: JsonObject): Promise<string> =>
    (await world.get(createContact, { contact, allowDuplicate: true })).id;
  const tenantId = (): Promise<string> => world.sessionOf("admin").then(({ tenant }) => tenant.id);

  test("a merge takes what the target lacks, unites tags, moves all, and is undone to the letter", async () => {
    const target = await make(TARGET);
    const source = await make(SOURCE);
    const tenant = await tenantId();
    await give(target, tenant, true);
    const given = await give(source, tenant, true);
    const before = await holders(tenant);
    const former = [
      await world.get(getContact, { id: target }),
      await world.get(getContact, { id: source }),
    ];

    const stale = await world.call(mergeContacts, {
      id: target,
      sourceIds: [source],
      expectedVersion: 9,
    });
    expectRefusal(world, stale, { kind: "stale", code: "version_mismatch" });
    const { mergeId, contact, moved } = await world.get(mergeContacts, {
      id: target,
      sourceIds: [source],
      choose: { lastName: source },
      expectedVersion: 1,
    });
    expect(moved).toEqual({ interactions: 1, leads: 1, customers: 1 });
    expect(contact).toMatchObject({
      id: target,
      firstName: "Judith",
      lastName: "Weaver-Hill",
      email: SOURCE.email,
      phoneOriginal: TARGET.phone,
      company: "Weaver",
      lifecycleStage: "qualified",
      address: { city: "Ulm" },
      tags: ["a", "b", "c"],
      version: 2,
    });
    expect(await world.get(getContact, { id: source })).toEqual(contact);
    const after = await holders(tenant);
    expect(given.map((id) => after[id ?? ""])).toEqual([
      target,
      target,
      expect.stringMatching(/^customer /),
    ]);
    for (const id of [target, source]) {
      expect(await world.get(listMerges, { id })).toMatchObject({
        items: [{ id: mergeId, targetId: target, sourceIds: [source], undoneAt: null }],
      });
    }
    const again = await world.call(mergeContacts, { id: target, sourceIds: [source] });
    expectRefusal(world, again, { kind: "wrongState", code: "contact_merged" });

    const undone = await world.get(undoMerge, { id: mergeId }, { as: "manager" });
    expect(undone).toMatchObject({
      restored: { contactIds: [source], moved: { interactions: 1, leads: 1, customers: 1 } },
      kept: { fields: [], interactionIds: [], leadIds: [], customerIds: [] },
    });
    expect(await holders(tenant)).toEqual(before);
    for (const [at, id] of [target, source].entries()) {
      const { version, updatedAt, ...values } = await world.get(getContact, { id });
      expect(former[at]).toMatchObject(values);
    }
    const twice = await world.call(undoMerge, { id: mergeId });
    expectRefusal(world, twice, { kind: "wrongState", code: "merge_undone" });
  });

  test("undo keeps what people have changed since, and tells", async () => {
    const target = await make({ firstName: "Kept", tags: ["old"] });
    const source = await make({ ...SOURCE, email: "kept@x.example" });
    const elsewhere = await make({ firstName: "Elsewhere" });
    const tenant = await tenantId();
    const [interaction = ""] = await give(source, tenant, false);
    const { mergeId } = await world.get(mergeContacts, { id: target, sourceIds: [source] });
    await world.get(updateContact, {
      id: target,
      contact: { company: "New", tags: ["old", "b", "new"] },
    });
    await withClient(services.database.ownerUrl, (owner) =>
      owner.query("UPDATE crm.interactions SET contact_id = $1 WHERE interaction_id = $2", [
        elsewhere,
        interaction,
      ]),
    );
    const { contact, restored, kept } = await world.get(undoMerge, { id: mergeId });
    expect(contact).toMatchObject({
      email: null,
      lastName: null,
      company: "New",
      tags: ["old", "new"],
    });
    expect(restored.fields.toSorted()).toEqual(
      ["address", "email", "lastName", "lifecycleStage", "phone", "tags"].toSorted(),
    );
    expect(kept).toMatchObject({ fields: ["company"], interactionIds: [interaction] });
    expect((await holders(tenant))[interaction ?? ""]).toBe(elsewhere);
  });

  test("merges of merged contacts: old ids answer, and the last is undone first", async () => {
    const [a, b, c] = [
      await make({ firstName: "A", lastName: "Chain" }),
      await make({ firstName: "B", lastName: "Chain", email: "b@chain.example" }),
      await make({ firstName: "C", lastName: "Chain", company: "Chain" }),
    ];
    const tenant = await tenantId();
    const [interaction = ""] = await give(b, tenant, true);
    const first = await world.get(mergeContacts, { id: a, sourceIds: [b] });
    const second = await world.get(mergeContacts, { id: c, sourceIds: [a] });
    expect(await world.get(getContact, { id: b })).toMatchObject({
      id: c,
      email: "b@chain.example",
    });
    expect((await holders(tenant))[interaction ?? ""]).toBe(c);
    const refused = await world.call(undoMerge, { id: first.mergeId });
    expectRefusal(world, refused, { kind: "wrongState", code: "merged_since" });
    expect(refused).toMatchObject({ facts: { mergeId: second.mergeId } });
    await world.get(undoMerge, { id: second.mergeId });
    await world.get(undoMerge, { id: first.mergeId });
    expect((await holders(tenant))[interaction ?? ""]).toBe(b);
    expect(await world.get(getContact, { id: a })).toMatchObject({ id: a, email: null });
    expect(await world.get(getContact, { id: b })).toMatchObject({ id: b, lastName: "Chain" });
  });

  test("contacts of others, and deleted ones, are not merged", async () => {
    const mine = await make({ firstName: "Mine" });
    const gone = await make({ firstName: "Gone" });
    await world.get(deleteContact, { id: gone });
    const contact = { firstName: "Theirs" };
    const theirs = await world.get(createContact, { contact }, { as: "stranger" });
    for (const sourceId of [gone, theirs.id, Bun.randomUUIDv7()]) {
      for (const [id, other] of [
        [mine, sourceId],
        [sourceId, mine],
      ] as const) {
        const outcome = await world.call(mergeContacts, { id, sourceIds: [other] });
        expectRefusal(world, outcome, notFound);
      }
    }
    const { mergeId } = await world.get(mergeContacts, {
      id: mine,
      sourceIds: [await make({ firstName: "Also mine" })],
    });
    const stranger = await world.call(undoMerge, { id: mergeId }, { as: "stranger" });
    expectRefusal(world, stranger, notFound);
  });

  test("of merges of overlapping contacts at once, each contact is part of one", async () => {
    const ids: string[] = [];
    for (let at = 0; at < 8; at++) ids.push(await make({ firstName: `At once ${at}` }));
    const at = (index: number): string => ids[index % ids.length] ?? "";
    const merges = Array.from({ length: 20 }, (_, index) => ({
      id: at(index),
      sourceIds: [at(index * 3 + 1), at(index * 5 + 3)].filter(
        (id, place, all) => id !== at(index) && all.indexOf(id) === place,
      ),
    })).filter(({ sourceIds }) => sourceIds.length > 0);
    const outcomes = await Promise.all(merges.map((input) => world.call(mergeContacts, input)));
    const sources = outcomes.flatMap((outcome, index) =>
      outcome.ok ? (merges[index]?.sourceIds ?? []) : [],
    );
    expect(new Set(sources).size).toBe(sources.length);
    expect(sources.length).toBeGreaterThan(0);
    for (const outcome of outcomes) {
      if (!outcome.ok) {
        expectRefusal(world, outcome, { kind: "wrongState", code: "contact_merged" });
      }
    }
    for (const id of ids) {
      const answering = await world.get(getContact, { id });
      expect(sources.includes(answering.id)).toBe(false);
      expect(answering.id === id).toBe(!sources.includes(id));
    }
  });
});

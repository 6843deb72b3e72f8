import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import { createContact, updateContact } from "../../../tools/testing/api/contacts.ts";
import {
  dismissDuplicate,
  getDuplicates,
  listDuplicates,
} from "../../../tools/testing/api/duplicates.ts";
import { setRolePermissions } from "../../../tools/testing/api/users.ts";
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
import { compareQueued } from "../../../tools/testing/duplicates.ts";
import { startServices } from "../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();
const duplicate = { kind: "duplicate", code: "duplicate_contact" } as const;

const cases: readonly Case[] = [
  ...(
    [
      [getDuplicates, { id: NOBODYS_ID }],
      [listDuplicates, {}],
      [dismissDuplicate, { ids: [] }],
    ] satisfies [Case["operation"], JsonObject][]
  ).map(
    ([operation, input]): Case => ({
      name: `${operation.method.name} is for users only`,
      as: "nobody",
      operation,
      input,
      expected: { refusal: unauthenticated },
    }),
  ),
  {
    name: "sales may not dismiss",
    as: "sales",
    operation: dismissDuplicate,
    input: { ids: [NOBODYS_ID, Bun.randomUUIDv7()] },
    expected: { refusal: forbidden },
  },
  {
    name: "who is not there has no duplicates",
    operation: getDuplicates,
    input: { id: NOBODYS_ID },
    expected: { refusal: notFound },
  },
  {
    name: "what is no id has none either",
    operation: getDuplicates,
    input: { id: "x" },
    expected: { refusal: malformed("id invalid_format") },
  },
  {
    name: "a contact is not dismissed from itself",
    operation: dismissDuplicate,
    input: { ids: [NOBODYS_ID, NOBODYS_ID] },
    expected: { refusal: invalid("ids same_contact") },
  },
  {
    name: "nor is it in capitals",
    operation: dismissDuplicate,
    input: { ids: [NOBODYS_ID, NOBODYS_ID.toUpperCase()] },
    expected: { refusal: invalid("ids same_contact") },
  },
  {
    name: "two are dismissed, not three",
    operation: dismissDuplicate,
    input: { ids: [NOBODYS_ID, Bun.randomUUIDv7(), Bun.randomUUIDv7()] },
    expected: { refusal: invalid("ids too_big") },
  },
  {
    name: "only who is there is dismissed",
    operation: dismissDuplicate,
    input: { ids: [NOBODYS_ID, Bun.randomUUIDv7()] },
    expected: { refusal: notFound },
  },
];

const robert = {
  firstName: "Robert",
  lastName: "Müllner",
  company: "Nordlicht Optik GmbH",
  phone: "+49 731 155501",
};

/** Who is refused with what as a duplicate of `robert`. */
const likely: readonly (readonly [JsonObject, readonly string[]])[] = [
  [{ ...robert, firstName: "Bob" }, ["phone", "similarName", "nameAndCompany"]],
  [
    { firstName: "Robert", lastName: "Muellner", company: "Nordlicht Optik" },
    ["name", "nameAndCompany"],
  ],
  [
    { firstName: "Müllner", lastName: "Robert", company: "NORDLICHT OPTIK AG" },
    ["name", "nameAndCompany"],
  ],
  [{ firstName: "Robert", lastName: "Mülner", phone: "0049731155501" }, ["phone", "similarName"]],
];

/** Who is not, though there is some likeness. */
const unlikely: readonly JsonObject[] = [
  { firstName: "Robert", lastName: "Müllner" },
  { firstName: "Robert", lastName: "Müllner", company: "Südwind Reisen" },
  { ...robert, firstName: "Roberta" },
  { firstName: "Anna", lastName: "Kühn", phone: robert.phone, company: robert.company },
];

const services = await startServices();

function candidatesOf(outcome: { ok: boolean; facts?: Readonly<Record<string, string>> }) {
  return JSON.parse(outcome.facts?.["candidates"] ?? "[]");
}

await describeForEveryClient(services, (world: World) => {
  testCases(world, cases);

  test("who is likely there already is refused with the reasons, unless allowed", async () => {
    const { id } = await world.get(createContact, { contact: robert });
    for (const [contact, reasons] of likely) {
      const outcome = await world.call(createContact, { contact });
      expectRefusal(world, outcome, duplicate);
      expect(candidatesOf(outcome)).toEqual([{ id, reasons, score: expect.any(Number) }]);
    }
    for (const contact of unlikely) await world.get(createContact, { contact });
    const [[bob] = []] = likely;
    const contact = bob ?? {};
    const allowed = await world.get(createContact, { contact, allowDuplicate: true });
    const { items } = await world.get(getDuplicates, { id: allowed.id });
    expect(items[0]).toMatchObject({ contact: { id }, reasons: likely[0]?.[1] ?? [] });
    expect(items[0]?.score).toBeGreaterThan(0.9);
  });

  test("a change that makes one like another is refused, a further one of a duplicate is not", async () => {
    const email = "grace@one.example";
    const first = await world.get(createContact, { contact: { firstName: "Grace", email } });
    const { id } = await world.get(createContact, { contact: { firstName: "G" } });
    const outcome = await world.call(updateContact, { id, contact: { email } });
    expectRefusal(world, outcome, duplicate);
    expect(candidatesOf(outcome)).toMatchObject([{ id: first.id, reasons: ["email"] }]);
    await world.get(updateContact, { id, contact: { email }, allowDuplicate: true });
    await world.get(updateContact, { id, contact: { company: "Two", title: "Admiral" } });
  });

  test("of several that are added at once, alike in whatever, one gets in", async () => {
    for (const alike of [
      { email: "at.once@x.example" },
      { firstName: "At", lastName: "Once", phone: "+49 731 155502" },
      { firstName: "At", lastName: "Time", company: "Once Ltd" },
    ]) {
      const outcomes = await Promise.all(
        Array.from({ length: 4 }, () => world.call(createContact, { contact: alike })),
      );
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    }
  });

  test("what many share is no reason to refuse", async () => {
    const email = "info@many.example";
    const { tenant } = await world.sessionOf("admin");
    await withClient(services.database.ownerUrl, (owner) =>
      owner.query(
        `INSERT INTO crm.contacts (tenant_id, contact_id, email)
         SELECT $1, gen_random_uuid(), $2 FROM generate_series(1, 51)`,
        [tenant.id, email],
      ),
    );
    await world.get(createContact, { contact: { firstName: "One more", email } });
  });

  test("pairs are found, listed by score, and not offered again once dismissed", async () => {
    const made = [
      { firstName: "Elizabeth", lastName: "Ashdown", email: "liz@ashdown.example", company: "Ash" },
      { firstName: "Liz", lastName: "Ashdown", email: "liz@ashdown.example", company: "Ash Ltd" },
      { firstName: "Theodor", lastName: "Brandner", company: "Feuerwerk AG" },
      { firstName: "Theodor", lastName: "Brandtner", company: "Feuerwerk" },
      { firstName: "Theodora", lastName: "Brandner", company: "Feuerwerk AG" },
    ];
    const ids: string[] = [];
    for (const contact of made) {
      ids.push((await world.get(createContact, { contact, allowDuplicate: true })).id);
    }
    const { tenant } = await world.sessionOf("admin");
    await compareQueued(services, tenant.id);
    const pairs = async () => {
      const found: string[][] = [];
      let cursor: string | null = null;
      do {
        const page: ReturnType<typeof listDuplicates.value.parse> = await world.get(
          listDuplicates,
          { limit: 1, ...(cursor && { cursor }) },
        );
        const [item] = page.items;
        if (item) found.push(item.contacts.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return found.filter((pair) => pair.some((id) => ids.includes(id)));
    };
    const [liz = "", elizabeth = "", theodor = "", brandtner = ""] = ids;
    expect(await pairs()).toEqual([
      [liz, elizabeth],
      [theodor, brandtner],
    ]);

    const dismissed = { ids: [brandtner, theodor] };
    await world.get(dismissDuplicate, dismissed, { as: "manager" });
    await world.get(dismissDuplicate, dismissed);
    expect(await pairs()).toEqual([[liz, elizabeth]]);
    const { items } = await world.get(getDuplicates, { id: theodor });
    expect(items.map(({ contact }) => contact.id)).not.toContain(brandtner);

    // Compared anew after a change, it stays dismissed, and who is another by now is no duplicate.
    await world.get(updateContact, {
      id: theodor,
      contact: { title: "Dr", lastName: "Brandner-Roth" },
    });
    const away = { firstName: "Quite", lastName: "Another", email: "q@a.example", company: "Else" };
    await world.get(updateContact, { id: elizabeth, contact: away });
    await compareQueued(services, tenant.id);
    expect(await pairs()).toEqual([]);
  });

  test("of a contact that the caller may not read only the id is told", async () => {
    const contact = { firstName: "Hidden", lastName: "Person", email: "hidden@x.example" };
    const { id } = await world.get(createContact, { contact });
    const own = { scope: "own" } as const;
    const permissions = ["create", "read", "update"].map((action) => ({
      ...own,
      resource: "contacts",
      action,
    }));
    await world.get(setRolePermissions, { role: "marketing", permissions });
    const outcome = await world.call(createContact, { contact }, { as: "marketing" });
    expectRefusal(world, outcome, duplicate);
    expect(candidatesOf(outcome)).toEqual([{ id }]);

    const allowed = { contact, allowDuplicate: true };
    const mine = await world.get(createContact, allowed, { as: "marketing" });
    const { items } = await world.get(getDuplicates, { id: mine.id }, { as: "marketing" });
    expect(items).toEqual([]);
    const { tenant } = await world.sessionOf("admin");
    await compareQueued(services, tenant.id);
    expect((await world.get(listDuplicates, {}, { as: "marketing" })).items).toEqual([]);
    expectRefusal(world, await world.call(getDuplicates, { id }, { as: "marketing" }), notFound);
  });

  test("another tenant's contacts are nobody's duplicates", async () => {
    const contact = { firstName: "Far", lastName: "Away", email: "far@away.example" };
    const theirs = await world.get(createContact, { contact }, { as: "stranger" });
    const mine = await world.get(createContact, { contact });
    expect((await world.get(getDuplicates, { id: mine.id })).items).toEqual([]);
    expectRefusal(world, await world.call(getDuplicates, { id: theirs.id }), notFound);
    const ids = [mine.id, theirs.id];
    expectRefusal(world, await world.call(dismissDuplicate, { ids }), notFound);
  });
});

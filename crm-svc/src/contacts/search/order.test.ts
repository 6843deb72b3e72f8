import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { createContact, searchContacts } from "../../../../tools/testing/api/contacts.ts";
import { describeForEveryClient, type World } from "../../../../tools/testing/cases.ts";
import { startServices } from "../../../../tools/testing/services.ts";
import type { ContactHit } from "./schema.ts";

/** Each is called by its `source`. Of the same kind, the one that is added later comes first. */
const CONTACTS: readonly (JsonObject & { readonly source: string })[] = [
  { source: "fuzzy company", company: "Marlim Foods" },
  { source: "fuzzy name", lastName: "Marlim" },
  { source: "infix company", company: "Blumarlin" },
  { source: "infix name", lastName: "Delmarlino", tags: ["vip"] },
  { source: "prefix title", company: "Quay", title: "Marlinist" },
  { source: "prefix company", company: "Marlins" },
  { source: "prefix name", lastName: "Marlinson" },
  { source: "exact city", company: "Pier", address: { city: "Marlin" } },
  { source: "exact company", company: "Marlin & Co" },
  { source: "older name", firstName: "Marlin", tags: ["vip"] },
  { source: "newer name", lastName: "Marlin" },
  { source: "both", firstName: "Ann", lastName: "Marlin", company: "Foods" },
];

const ORDER = [
  "both",
  "newer name",
  "older name",
  "exact company",
  "exact city",
  "prefix name",
  "prefix company",
  "prefix title",
  "infix name",
  "infix company",
  "fuzzy name",
  "fuzzy company",
];

const HOW: Readonly<Record<string, ContactHit["matched"]>> = {
  "newer name": [{ field: "lastName", how: "exact" }],
  "exact city": [{ field: "address.city", how: "exact" }],
  "prefix title": [{ field: "title", how: "prefix" }],
  "infix company": [{ field: "company", how: "infix" }],
  "fuzzy name": [{ field: "lastName", how: "fuzzy" }],
};

/** An e-mail address; its words, whole; and one of them begun. */
const DIRECT: typeof CONTACTS = [
  { source: "begun", title: "Salesman", email: "c@acme.example" },
  { source: "words", title: "Sales", email: "b@acme.example" },
  { source: "address", email: "sales@acme.example" },
];

async function addAll({ get }: World): Promise<void> {
  for (const contact of [...CONTACTS, ...DIRECT])
    await get(createContact, { contact, allowDuplicate: true });
}

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const added = addAll(world);

  async function all(input: JsonObject) {
    await added;
    const { items } = await world.get(searchContacts, input);
    return items;
  }

  test("exact before begun before a piece before similar, and names first", async () => {
    const items = await all({ q: "marlin" });
    expect(items.map(({ source }) => source)).toEqual(ORDER);
    const scores = items.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    for (const [source, matched] of Object.entries(HOW)) {
      expect(items.find((item) => item.source === source)?.matched).toEqual([...matched]);
    }
  });

  test("of several words all must fit, each somewhere", async () => {
    const items = await all({ q: "foods marlin" });
    expect(items.map(({ source }) => source)).toEqual(["both", "fuzzy company"]);
    expect(items[0]?.matched).toEqual([
      { field: "lastName", how: "exact" },
      { field: "company", how: "exact" },
    ]);
  });

  async function allPages(q: string, limit: number): Promise<(string | null)[]> {
    await added;
    const sources: (string | null)[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: { source: string | null }[]; nextCursor: string | null } =
        await world.get(searchContacts, { q, limit, ...(cursor && { cursor }) });
      sources.push(...page.items.map(({ source }) => source));
      cursor = page.nextCursor;
    } while (cursor !== null);
    return sources;
  }

  test("pages of any size go through all of it, each once and in the same order", async () => {
    for (const limit of [1, 2, 5, 11, 12]) expect(await allPages("marlin", limit)).toEqual(ORDER);
  });

  test("behind an address that there is, pages of any size end with what has its words", async () => {
    for (const limit of [1, 2, 25]) {
      expect(await allPages("sales@acme.example", limit)).toEqual(["address", "words"]);
    }
  });

  test("the list's filters apply, and a cursor is good for its filters alone", async () => {
    const items = await all({ q: "marlin", tag: "vip" });
    expect(items.map(({ source }) => source)).toEqual(["older name", "infix name"]);
    // Most have no company at all.
    const of = await all({ q: "marlin", company: "foods" });
    expect(of.map(({ source }) => source)).toEqual(["both"]);
    const { nextCursor } = await world.get(searchContacts, { q: "marlin", limit: 1 });
    const outcome = await world.call(searchContacts, {
      q: "marlin",
      tag: "vip",
      cursor: nextCursor,
    });
    expect(outcome).toMatchObject({ ok: false, code: "invalid_cursor" });
  });

  test("another tenant finds nothing of it", async () => {
    await added;
    const { items } = await world.get(searchContacts, { q: "marlin" }, { as: "stranger" });
    expect(items).toEqual([]);
  });
});

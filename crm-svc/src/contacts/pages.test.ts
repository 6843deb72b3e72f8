import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  createContact,
  deleteContact,
  listContacts,
  searchContacts,
} from "../../../tools/testing/api/contacts.ts";
import {
  describeForEveryClient,
  type ExpectedRefusal,
  expectRefusal,
  malformed,
  testCases,
  type World,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

/** More than a page has if nothing is said, and than two pages of what is asked for here. */
const CONTACTS = 28;
const DEFAULT_PAGE = 25;

const foreignCursor: ExpectedRefusal = {
  kind: "malformed",
  code: "invalid_cursor",
  fields: ["cursor invalid_cursor"],
};

/** The two lists that there are, and whether they have the newest first. */
const LISTS = [
  ["the list", listContacts, {}],
  ["a search", searchContacts, { q: "page" }],
] as const;

/** Follows the cursors to the end, and gives the ids of each page. */
async function allPages(
  world: World,
  operation: typeof listContacts | typeof searchContacts,
  input: JsonObject,
): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { items, nextCursor }: { items: readonly { id: string }[]; nextCursor: string | null } =
      await world.get(operation, { ...input, ...(cursor && { cursor }) });
    pages.push(items.map(({ id }) => id));
    cursor = nextCursor;
  }
  return pages;
}

const services = await startServices();

await describeForEveryClient(services, (world) => {
  // All at once: many have the same time, to the millisecond.
  const added = Promise.all(
    Array.from({ length: CONTACTS }, (_, at) =>
      world.get(createContact, { contact: { firstName: "Page", lastName: `Number${at}` } }),
    ),
  );

  test.each(LISTS)(
    "%s has every contact once, on pages of any size",
    async (_, operation, input) => {
      const ids = (await added).map(({ id }) => id).toSorted();
      for (const limit of [1, 10, 14, CONTACTS - 1, CONTACTS, 100]) {
        const pages = await allPages(world, operation, { ...input, limit });
        expect(pages.flat().toSorted()).toEqual(ids);
        expect(pages.map((page) => page.length)).toEqual(pageLengths(limit));
      }
      const pages = await allPages(world, operation, input);
      expect(pages.map((page) => page.length)).toEqual(pageLengths(DEFAULT_PAGE));
    },
  );

  test("the list has the newest first", async () => {
    await added;
    const { items } = await world.get(listContacts, { limit: 100 });
    const order = items.map(({ createdAt, id }) => `${createdAt} ${id}`);
    expect(order).toEqual(order.toSorted().toReversed());
  });

  test("pages do not shift when contacts come and go meanwhile", async () => {
    await added;
    const whole = (await world.get(listContacts, { limit: 100 })).items.map(({ id }) => id);
    const first = await world.get(listContacts, { limit: 10 });
    const { id } = await world.get(createContact, { contact: { firstName: "Late" } });
    const second = await world.get(listContacts, { limit: 10, cursor: first.nextCursor });
    await world.get(deleteContact, { id });
    const third = await world.get(listContacts, { limit: 10, cursor: second.nextCursor });
    const pages = [first, second, third].flatMap(({ items }) => items.map((item) => item.id));
    expect(pages).toEqual(whole);
  });

  test.each(LISTS)("%s refuses a cursor that it has not made", async (_, operation, input) => {
    await added;
    const { nextCursor } = await world.get(operation, { ...input, limit: 10 });
    const cursor = nextCursor ?? "";
    const bytes = Buffer.from(cursor, "base64url");
    const changed = (at: number): string => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy.toString("base64url");
    };
    const other = operation === listContacts ? LISTS[1] : LISTS[0];
    const { nextCursor: others } = await world.get(other[1], { ...other[2], limit: 10 });
    for (const forged of [
      "nonsense",
      changed(0),
      changed(bytes.length - 1),
      bytes.subarray(0, 16).toString("base64url"),
      bytes.subarray(0, -1).toString("base64url"),
      others ?? "",
    ]) {
      const outcome = await world.call(operation, { ...input, cursor: forged });
      expectRefusal(world, outcome, foreignCursor);
    }
    const strangers = await world.call(operation, { ...input, cursor }, { as: "stranger" });
    expectRefusal(world, strangers, foreignCursor);
    // Another page size is the same list.
    expect(await world.call(operation, { ...input, cursor, limit: 3 })).toMatchObject({ ok: true });
  });

  test("a search refuses the cursor of another search", async () => {
    await added;
    const { nextCursor } = await world.get(searchContacts, { q: "page", limit: 10 });
    const outcome = await world.call(searchContacts, { q: "pag", cursor: nextCursor });
    expectRefusal(world, outcome, foreignCursor);
    const same = await world.call(searchContacts, { q: " page! ", cursor: nextCursor });
    expect(same).toMatchObject({ ok: true });
  });

  testCases(
    world,
    LISTS.flatMap(([name, operation, input]) =>
      (
        [
          [{ limit: 0 }, "limit too_small"],
          [{ limit: 101 }, "limit too_big"],
          [{ cursor: "" }, "cursor too_small"],
          [{ cursor: "c".repeat(1_001) }, "cursor too_big"],
        ] as const
      ).map(([bad, fault]) => ({
        name: `${name} refuses ${JSON.stringify(bad).slice(0, 30)}`,
        operation,
        input: { ...input, ...bad },
        expected: { refusal: malformed(fault) },
      })),
    ),
  );

  testCases(
    world,
    ["ten", "-1", "1.5", "1e1", "", " 10", "0x10", "+10", "99999999999"].map((limit) => ({
      name: `the list refuses the limit "${limit}"`,
      operation: listContacts,
      input: { limit },
      expected: { refusal: malformed("limit invalid_type") },
      over: "REST" as const,
    })),
  );
});

function pageLengths(limit: number): number[] {
  const full = Math.floor(CONTACTS / limit);
  const rest = CONTACTS % limit;
  return [...Array.from({ length: full }, () => limit), ...(rest > 0 ? [rest] : [])];
}

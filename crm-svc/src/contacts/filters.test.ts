import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  createContact,
  deleteContact,
  listContacts,
  setContactFields,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import {
  type Case,
  describeForEveryClient,
  type ExpectedRefusal,
  expectRefusal,
  malformed,
  testCases,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const FIELDS = [
  { name: "vip", type: "boolean" },
  { name: "size", type: "number" },
  { name: "langs", type: "options", options: ["de", "fr", "it"] },
  { name: "signedOn", type: "date" },
];

/** In the order in which they are added; each is called by its `source` here. */
const CONTACTS = [
  { source: "zoe", lastName: "Zürn", company: "Café Zoë", tags: ["vip", "eu"] },
  { source: "abel", lastName: "abel", company: "cafe zoe", lifecycleStage: "customer" },
  { source: "anna", firstName: "Anna", lastName: "Abel", tags: ["vip"], custom: { vip: true } },
  { source: "ema", email: "ema@x.example", custom: { size: 12.5, langs: ["de", "fr"] } },
  { source: "bcc", company: "BCC", address: { country: "FR" }, lifecycleStage: "former" },
  { source: "han", lastName: "山田", custom: { vip: false, signedOn: "2026-02-28" } },
] as const;

type Name = (typeof CONTACTS)[number]["source"];
const ALL = CONTACTS.map(({ source }) => source);
const NEWEST_FIRST = ALL.toReversed();

/** A filter, and whom it lets through. */
const FILTERS: readonly (readonly [filter: JsonObject, ...found: Name[]])[] = [
  [{}, ...ALL],
  [{ tag: "vip" }, "zoe", "anna"],
  [{ tag: ["vip", "eu"] }, "zoe"],
  [{ tag: ["vip", "no such"] }],
  [{ company: "CAFÉ ZOE" }, "zoe", "abel"],
  [{ company: "cafe" }],
  [{ lifecycleStage: "customer" }, "abel"],
  [{ lifecycleStage: ["customer", "former"] }, "abel", "bcc"],
  [{ source: "han" }, "han"],
  [{ email: "EMA@X.example " }, "ema"],
  [{ country: "fr" }, "bcc"],
  [{ custom: { vip: "true" } }, "anna"],
  [{ custom: { vip: "false", signedOn: "2026-02-28" } }, "han"],
  [{ custom: { size: "12.50" } }, "ema"],
  [{ custom: { langs: "fr" } }, "ema"],
  [{ custom: { langs: "it" } }],
  [{ tag: "vip", custom: { vip: "true" }, lifecycleStage: "lead" }, "anna"],
  [{ ownerUserId: "none" }, "bcc"],
  [{ ownerUserId: Bun.randomUUIDv7() }],
  [{ createdFrom: "2100-01-01T00:00:00Z" }],
  [{ createdFrom: "2020-01-01T00:00:00Z", createdTo: "2100-01-01T00:00:00Z" }, ...ALL],
  [{ updatedTo: "2020-01-01T00:00:00Z" }],
  [{ createdFrom: "0001-01-01T00:00:00Z", createdTo: "9999-12-31T23:59:59.999Z" }, ...ALL],
  [{ source: "%" }],
  [{ company: "'; drop table crm.contacts; --" }],
  [{ tag: ['x", "y', "{a}"] }],
];

const SORTS: readonly (readonly [sort: string, order: readonly Name[]])[] = [
  ["createdAt", ALL],
  ["-createdAt", NEWEST_FIRST],
  // Without a person's name by the company's or the e-mail address; by code points, so Han is last.
  ["name", ["abel", "anna", "bcc", "ema", "zoe", "han"]],
  ["-name", ["han", "zoe", "ema", "bcc", "anna", "abel"]],
];

const BAD_FILTERS: readonly (readonly [filter: JsonObject, ...faults: string[]])[] = [
  [{ ownerUserId: "me" }, "ownerUserId invalid_format"],
  [{ tag: [""] }, "tag[0] too_small"],
  [{ lifecycleStage: ["hot"] }, "lifecycleStage[0] invalid_value"],
  [{ email: "ema" }, "email invalid_format"],
  [{ country: "Germany" }, "country too_big", "country invalid_format"],
  [{ custom: { vip: "yes" } }, "custom.vip invalid_type"],
  [{ custom: { nope: "1" } }, "custom.nope unknown_field"],
  [{ custom: { size: "big" } }, "custom.size invalid_type"],
  [{ sort: "email" }, "sort invalid_value"],
  [{ sort: "name", deleted: true }, "sort not_offered"],
  [
    { createdFrom: "2026-02-01T00:00:00Z", createdTo: "2026-01-01T00:00:00Z" },
    "createdTo too_small",
  ],
];

/** What no message can say. */
const BAD_QUERIES: typeof BAD_FILTERS = [
  [{ createdFrom: "yesterday" }, "createdFrom invalid_format"],
  [{ createdFrom: "0000-01-01T00:00:00Z" }, "createdFrom out_of_range"],
  [{ updatedFrom: "0001-01-01T00:00:00+05:00" }, "updatedFrom out_of_range"],
  [{ createdTo: "9999-12-31T23:59:59-01:00" }, "createdTo out_of_range"],
  [{ custom: "vip" }, "custom invalid_type"],
  [{ source: ["a", "b"] }, "source invalid_type"],
  [{ deleted: "maybe" }, "deleted invalid_type"],
  [{ colour: "red" }, "colour unknown_field"],
];

const foreignCursor: ExpectedRefusal = { kind: "malformed", code: "invalid_cursor" };

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const added = (async () => {
    await world.get(setContactFields, { fields: FIELDS });
    for (const contact of CONTACTS) {
      const ownerless = contact.source === "bcc" && { ownerUserId: null };
      const made = await world.get(createContact, { contact: { ...contact } as JsonObject });
      if (ownerless) await world.get(updateContact, { id: made.id, contact: ownerless });
    }
  })();
  const list = async (input: JsonObject) => {
    await added;
    return world.get(listContacts, input);
  };
  const sources = async (input: JsonObject) =>
    (await list(input)).items.map(({ source }) => String(source));

  test.each(FILTERS.map(([filter, ...found]) => ({ filter, found })))(
    "filters $filter",
    async ({ filter, found }) => {
      expect((await sources(filter)).toSorted()).toEqual(found.toSorted());
    },
  );

  test("filters by owner", async () => {
    const ownerUserId = world.tenant.admin.user.id;
    expect(await sources({ ownerUserId })).toEqual(NEWEST_FIRST.filter((name) => name !== "bcc"));
  });

  test.each(SORTS)("sorts by %s, on pages of any size", async (sort, order) => {
    for (const limit of [1, 4, 100]) {
      const found: string[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const input: JsonObject = { sort, limit, ...(cursor !== "" && { cursor }) };
        const page: Awaited<ReturnType<typeof list>> = await list(input);
        found.push(...page.items.map(({ source }) => String(source)));
        cursor = page.nextCursor;
      }
      expect(found).toEqual([...order]);
    }
  });

  test("sorts by company, those without one behind, descending too", async () => {
    for (const [sort, first, second] of [
      ["company", ["bcc"], ["abel", "zoe"]],
      ["-company", ["abel", "zoe"], ["bcc"]],
    ] as const) {
      const order = await sources({ sort });
      expect(order.slice(0, first.length).toSorted()).toEqual([...first]);
      expect(order.slice(first.length, 3).toSorted()).toEqual([...second]);
      expect(order.slice(3).toSorted()).toEqual(["anna", "ema", "han"]);
    }
  });

  test("sorts by the last change", async () => {
    const order = await sources({ sort: "-updatedAt" });
    expect(order.toSorted()).toEqual(ALL.toSorted());
    expect(await sources({ sort: "updatedAt" })).toEqual(order.toReversed());
    const times = (await list({ sort: "updatedAt" })).items.map(({ updatedAt }) => updatedAt);
    expect(times).toEqual(times.toSorted());
  });

  test("a cursor is of its filter and its order alone", async () => {
    const { nextCursor: cursor } = await list({ tag: "vip", sort: "name", limit: 1 });
    expect(await sources({ tag: "vip", sort: "name", limit: 1, cursor })).toEqual(["zoe"]);
    for (const other of [
      { sort: "name" },
      { tag: "vip" },
      { tag: "vip", sort: "-name" },
      { tag: ["vip", "eu"], sort: "name" },
      { tag: "vip", sort: "name", custom: { vip: "true" } },
    ]) {
      expectRefusal(world, await world.call(listContacts, { ...other, cursor }), foreignCursor);
    }
  });

  test("with the deleted ones, filters hold too", async () => {
    await added;
    const contact = { lastName: "Deleted", source: "gone", tags: ["gone"] };
    const { id } = await world.get(createContact, { contact });
    await world.get(deleteContact, { id });
    for (const filter of [{ tag: "gone" }, { source: "gone", sort: "updatedAt" }]) {
      expect(await sources({ ...filter, deleted: true })).toEqual(["gone"]);
      expect(await sources(filter)).toEqual([]);
    }
    expect(await sources({ tag: "vip", deleted: true })).toEqual([]);
  });

  testCases(world, [
    ...BAD_FILTERS.map(([filter, ...faults]) => refuses(filter, faults)),
    ...BAD_QUERIES.map(([filter, ...faults]) => ({
      ...refuses(filter, faults),
      over: "REST" as const,
    })),
  ]);

  function refuses(filter: JsonObject, faults: readonly string[]): Case {
    return {
      name: `the list refuses ${JSON.stringify(filter)}`,
      operation: listContacts,
      input: () => added.then(() => filter),
      expected: { refusal: malformed(...faults) },
    };
  }
});

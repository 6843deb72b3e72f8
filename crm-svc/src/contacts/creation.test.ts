import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { createContact, getContact, listContacts } from "../../../tools/testing/api/contacts.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  invalid,
  notFound,
  testCases,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();

/** As long as each field may be. */
const LONGEST = {
  firstName: "f".repeat(100),
  lastName: "l".repeat(100),
  email: `${"e".repeat(64)}@${"d".repeat(60)}.${"d".repeat(60)}.${"d".repeat(59)}.example`,
  phone: `+49 731 123456 ${" ".repeat(27)}x1234567`,
  company: "c".repeat(200),
  title: "t".repeat(200),
  website: `https://w.example/${"w".repeat(482)}`,
  address: {
    street: "s".repeat(200),
    city: "c".repeat(100),
    region: "r".repeat(100),
    postalCode: "p".repeat(20),
    country: "DE",
  },
  tags: Array.from({ length: 50 }, (_, at) => `${at}`.padStart(50, "t")),
  source: "s".repeat(100),
  lifecycleStage: "opportunity",
};

function refusesToCreate(what: string, contact: JsonObject, ...fields: string[]): Case {
  return {
    name: `create refuses ${what}`,
    operation: createContact,
    input: { contact },
    expected: { refusal: invalid(...fields) },
  };
}

const creation: readonly Case[] = [
  ...[
    { firstName: "Ada" },
    { lastName: "Lovelace" },
    { email: "ada@x.example" },
    { company: "Analytical" },
  ].map(
    (contact): Case => ({
      name: `create takes a contact with nothing but ${Object.keys(contact)}`,
      operation: createContact,
      input: { contact },
      expected: {
        value: { ...contact, version: 1, lifecycleStage: "lead", tags: [], address: null },
      },
    }),
  ),
  {
    name: "create brings what was typed into shape",
    operation: createContact,
    input: {
      contact: {
        firstName: "  Zoë ",
        lastName: "O'Brien-Nuñez 王",
        email: " Zoe.OBrien@Example.ORG ",
        website: "example.org/zoe",
        address: { country: "ie" },
        tags: [" vip ", "vip", "2026"],
      },
    },
    expected: {
      value: {
        firstName: "Zoë",
        lastName: "O'Brien-Nuñez 王",
        email: "zoe.obrien@example.org",
        website: "https://example.org/zoe",
        address: { street: null, city: null, region: null, postalCode: null, country: "IE" },
        tags: ["vip", "2026"],
      },
    },
  },
  {
    name: "create takes every field at its longest",
    operation: createContact,
    input: { contact: LONGEST },
    expected: { value: { ...LONGEST, phone: "+49731123456", phoneOriginal: LONGEST.phone } },
  },
  ...(
    [
      ["example.com:8080", "https://example.com:8080"],
      ["example.com:8080/a:b", "https://example.com:8080/a:b"],
      ["HTTP://example.com", "HTTP://example.com"],
    ] as const
  ).map(
    ([website, kept]): Case => ({
      name: `create takes the website ${website}`,
      operation: createContact,
      input: { contact: { firstName: "A", website } },
      expected: { value: { website: kept } },
    }),
  ),
  {
    name: "create refuses every field that is longer",
    operation: createContact,
    input: {
      contact: {
        ...Object.fromEntries(
          Object.entries(LONGEST).map(([name, value]) => [
            name,
            typeof value === "string" ? `${value}x` : value,
          ]),
        ),
        address: Object.fromEntries(
          Object.entries(LONGEST.address).map(([name, value]) => [name, `${value}x`]),
        ),
        tags: ["t".repeat(51), ...LONGEST.tags.slice(1)],
        lifecycleStage: "lead",
      },
    },
    expected: {
      refusal: invalid(
        ...["firstName", "lastName", "email", "phone", "company", "title", "website", "source"].map(
          (name) => `${name} too_big`,
        ),
        ...["street", "city", "region", "postalCode", "country"].map(
          (name) => `address.${name} too_big`,
        ),
        "address.country invalid_format",
        "tags[0] too_big",
      ),
    },
  },
  refusesToCreate("a contact without a name", { phone: "+49 731 1", tags: ["x"] }, " required"),
  refusesToCreate("51 tags", { firstName: "A", tags: LONGEST.tags.concat("x") }, "tags too_big"),
  refusesToCreate("an empty tag", { firstName: "A", tags: ["a", " "] }, "tags[1] too_small"),
  refusesToCreate(
    "NUL, wherever it is",
    { firstName: "A\0", address: { city: "\0" }, tags: ["a", "b\0"] },
    "firstName nul",
    "address.city nul",
    "tags[1] nul",
  ),
  refusesToCreate(
    "what is no country",
    { firstName: "A", address: { country: "D1" } },
    "address.country invalid_format",
  ),
  refusesToCreate(
    "what is no stage",
    { firstName: "A", lifecycleStage: "hot" },
    "lifecycleStage invalid_value",
  ),
  refusesToCreate(
    "an owner who is no UUID",
    { firstName: "A", ownerUserId: "me" },
    "ownerUserId invalid_format",
  ),
  ...["ada", "ada@", "a b@x.example", "ada@x", "ada@x.example, bob@x.example"].map((email) =>
    refusesToCreate(`the e-mail ${email}`, { email }, "email invalid_format"),
  ),
  ...[
    "javascript:alert(1)",
    "tel:123",
    "ftp://x.example:21",
    "mailto:a@x.example",
    "not a page",
  ].map((website) =>
    refusesToCreate(
      `the website ${website}`,
      { firstName: "A", website },
      "website invalid_format",
    ),
  ),
  {
    ...refusesToCreate(
      "fields that it does not know",
      { firstName: "A", id: NOBODYS_ID, tenantId: NOBODYS_ID, address: { planet: "Earth" } },
      "id unknown_field",
      "tenantId unknown_field",
      "address.planet unknown_field",
    ),
    over: "REST",
  },
  {
    ...refusesToCreate(
      "values of a wrong type",
      { firstName: 5, tags: "vip", address: [], email: { to: "a@x.example" } },
      "firstName invalid_type",
      "tags invalid_type",
      "address invalid_type",
      "email invalid_type",
    ),
    over: "REST",
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, creation);

  test("a contact is its creator's, and answers as it was added", async () => {
    const { user } = await world.sessionOf("sales");
    const contact = { firstName: "Own", email: "own@x.example" };
    const made = await world.get(createContact, { contact }, { as: "sales" });
    expect(made).toMatchObject({ ...contact, ownerUserId: user.id });
    expect(made.createdAt).toBe(made.updatedAt);
    expect(await world.get(getContact, { id: made.id })).toEqual(made);
    expect(await world.get(listContacts, { limit: 1 })).toMatchObject({ items: [made] });
  });

  test("a contact is given to users of the tenant only", async () => {
    const { user } = await world.sessionOf("sales");
    const given = await world.get(createContact, {
      contact: { firstName: "Given", ownerUserId: user.id },
    });
    expect(given.ownerUserId).toBe(user.id);
    const stranger = await world.sessionOf("stranger");
    const outcomes = await Promise.all(
      [stranger.user.id, NOBODYS_ID].map((ownerUserId) =>
        world.call(createContact, { contact: { firstName: "Given", ownerUserId } }),
      ),
    );
    for (const outcome of outcomes) {
      expectRefusal(world, outcome, { ...notFound, fields: ["ownerUserId not_found"] });
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
  });
});

import { expect, test } from "bun:test";
import { createContact, searchContacts } from "../../../tools/testing/api/contacts.ts";
import {
  type Case,
  describeForEveryClient,
  malformed,
  testCases,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

/** Each is called by its `source`, which is not searched. */
const CONTACTS = [
  { source: "zoe", firstName: "Zoë", lastName: "Müller-Straße", address: { city: "Kraków" } },
  { source: "marc", firstName: "Marc", lastName: "Weber" },
  { source: "marcus", firstName: "Marcus", lastName: "Marchetti" },
  { source: "baker", firstName: "Tom", lastName: "Baker" },
  { source: "bakery", company: "Baker & Sons (C++) Ltd", phone: "+49 (731) 123-456" },
  {
    source: "obrien",
    lastName: "O'Brien",
    title: "Senior Buyer",
    email: "pat.ob+x@mail.acme.example",
  },
  { source: "thai", firstName: "สมชาย", lastName: "ใจดี" },
  { source: "hindi", firstName: "हिन्दी", lastName: "शर्मा" },
  { source: "japanese", firstName: "太郎", lastName: "山田" },
  { source: "arabic", firstName: "مُحَمَّد", lastName: "العربي" },
  { source: "russian", firstName: "Пётр", lastName: "Йодль" },
  { source: "greek", lastName: "Παπαδόπουλος" },
  { source: "turkish", firstName: "İbrahim", lastName: "Yıldız" },
  { source: "decomposed", firstName: "Noël".normalize("NFD"), lastName: "Decomposed" },
] as const;

type Name = (typeof CONTACTS)[number]["source"];

/** What was typed, and who is found, the best first. */
const SEARCHES: readonly (readonly [typed: string, ...found: Name[]])[] = [
  ["z", "zoe"],
  ["zo", "zoe"],
  ["ZOË", "zoe"],
  ["zoe mul", "zoe"],
  ["mul zoe", "zoe"],
  ["müller-str", "zoe"],
  ["STRASSE", "zoe"],
  ["straß", "zoe"],
  ["Zoe\u0308", "zoe"],
  ["krakow", "zoe"],
  ["zoe weber"],
  ["weberx"],
  // A whole word is better than the beginning of one, and a name better than a company.
  ["marc", "marc", "marcus"],
  ["marcu", "marcus"],
  ["baker", "baker", "bakery"],
  ["baker sons", "bakery"],
  ["C++", "bakery"],
  ["731 123", "bakery"],
  ["+49 (731)", "bakery"],
  ["o'brien", "obrien"],
  ["O’BR", "obrien"],
  ["senior buyer", "obrien"],
  ["pat.ob+x@mail.acme.example", "obrien"],
  ["pat.ob@mail", "obrien"],
  ["mail.acme", "obrien"],
  ["acme obrien@"],
  ["สมช", "thai"],
  ["हिन्दी", "hindi"],
  ["शर्मा हिन्", "hindi"],
  ["山田", "japanese"],
  ["太", "japanese"],
  ["مُحَمَّد", "arabic"],
  ["петр", "russian"],
  ["ЙОДЛЬ", "russian"],
  ["παπαδοπ", "greek"],
  ["ibrahim yildiz", "turkish"],
  ["YILDIZ", "turkish"],
  ["noel", "decomposed"],
  ["noël", "decomposed"],
];

/** What means something to PostgreSQL's query language, or to LIKE, means nothing here. */
const ODD: readonly (readonly [typed: string, ...found: Name[]])[] = [
  [""],
  ["   "],
  ["!!! &&& ||| <-> :* ()'\"\\ %_"],
  ["'"],
  ["\\"],
  ["%"],
  ["_"],
  ["%weber%", "marc"],
  ["weber'; drop table crm.contacts; --"],
  ["weber & !marc", "marc"],
  ["weber | baker"],
  ["!weber", "marc"],
  ["'weber':*", "marc"],
  ["weber:A"],
  ["(weber", "marc"],
  ["weber <2> marc"],
  ["<->weber", "marc"],
  ["\u{1F600} weber", "marc"],
  ["weber\u200b", "marc"],
  ["weber ".repeat(1_000), "marc"],
  ["w".repeat(10_000)],
  [
    Array.from({ length: 2_000 }, (_, at) => `w${at}`)
      .join(" ")
      .slice(0, 10_000),
  ],
];

const refused: readonly Case[] = [
  {
    name: "more than 10,000 characters are no query",
    operation: searchContacts,
    input: { q: "w".repeat(10_001) },
    expected: { refusal: malformed("q too_big") },
  },
  {
    name: "NUL is in no query",
    operation: searchContacts,
    input: { q: "we\0ber" },
    expected: { refusal: malformed("q nul") },
  },
  ...[0, 101].map(
    (limit): Case => ({
      name: `a page has not ${limit} contacts`,
      operation: searchContacts,
      input: { q: "weber", limit },
      expected: { refusal: malformed(`limit too_${limit > 100 ? "big" : "small"}`) },
    }),
  ),
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const added = Promise.all(CONTACTS.map((contact) => world.get(createContact, { contact })));

  async function found(q: string): Promise<(string | null)[]> {
    await added;
    const { items } = await world.get(searchContacts, { q });
    return items.map(({ source }) => source);
  }

  test.each(
    [...SEARCHES, ...ODD].map(([typed, ...names]) => [typed.slice(0, 60), typed, names] as const),
  )("%j", async (_, typed, names) => {
    expect(await found(typed)).toEqual(names);
  });

  testCases(world, refused);
});

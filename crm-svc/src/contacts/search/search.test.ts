import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { createContact, searchContacts } from "../../../../tools/testing/api/contacts.ts";
import {
  type Case,
  describeForEveryClient,
  malformed,
  testCases,
  type World,
} from "../../../../tools/testing/cases.ts";
import { startServices } from "../../../../tools/testing/services.ts";

/** Each is called by its `source`, which is not searched. */
const CONTACTS: readonly (JsonObject & { readonly source: string })[] = [
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
  { source: "bruce", firstName: "小龙", lastName: "李", company: "嘉禾电影有限公司" },
  { source: "seoul", firstName: "민준", lastName: "김" },
  {
    source: "williamson",
    firstName: "Jonathan",
    lastName: "Williamson",
    email: "jon.williamson7@studio54.example",
    phone: "+44 20 7946 0018",
    tags: ["Trade-Fair 2025", "überfällig"],
  },
  { source: "decorated", company: "S.P.A.R. Zentrale", email: "info@spar-zentrale.example" },
  { source: "quill", email: "quill@inkwell.example" },
  { source: "quilt", email: "quilt@inkwell.example" },
];

/** What was typed, and who is found, the best first. */
const SEARCHES: readonly (readonly [typed: string, ...found: string[]])[] = [
  ["z", "zoe", "decorated"],
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
  ["weberx", "marc"],
  ["wexyer"],
  // A whole word is better than the beginning of one, and a name better than a company.
  ["marc", "marc", "marcus"],
  ["marcu", "marcus", "marc"],
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
  ["acme obrien@", "obrien"],
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

  // Pieces of words, and of what is written without spaces.
  ["traß", "zoe"],
  ["iamso", "williamson"],
  ["nath amso", "williamson"],
  ["απαδοπ", "greek"],
  ["电影", "bruce"],
  ["禾电影有", "bruce"],
  ["李小龙", "bruce"],
  ["李小", "bruce"],
  ["龙", "bruce"],
  ["김민준", "seoul"],
  ["준", "seoul"],

  // Typing errors: left out, inserted, replaced, swapped; two in a long word; a space too few.
  ["wiliamson", "williamson"],
  ["williiamson", "williamson"],
  ["williamsen", "williamson"],
  ["wililamson", "williamson"],
  ["wiliamsen", "williamson"],
  ["jonahtan wiliamson", "williamson"],
  ["williamson jonahtan", "williamson"],
  ["jonathanwilliamson", "williamson"],
  ["jonathan.williamsonxstudio", "williamson"],
  ["παπαδοπουλς", "greek"],
  ["йодьл", "russian"],
  ["tmo", "baker"],
  ["tob"],
  ["bakre", "baker", "bakery"],

  // As it sounds without its punctuation, or with.
  ["obrien", "obrien"],
  ["OBRIEN senior", "obrien"],
  ["mullerstrasse", "zoe"],
  ["spar", "decorated"],
  ["s.p.a.r.", "decorated"],
  ["محمد", "arabic"],
  ["studio 54", "williamson"],
  ["studio54", "williamson"],

  // E-mail addresses, their domains, and phone numbers in any format.
  ["JON.WILLIAMSON7@STUDIO54.EXAMPLE", "williamson"],
  ["jon.williamson7@st", "williamson"],
  ["jon.wiliamson7@studio54.example", "williamson"],
  ["@studio54.example", "williamson"],
  // The beginning of an address that there is does not mean a similar one.
  ["quill@ink", "quill"],
  ["quilx@ink", "quilt", "quill"],
  ["spar-zentrale.example", "decorated"],
  ["+442079460018", "williamson"],
  ["0044 20 79460018", "williamson"],
  ["(020) 7946-0018", "williamson"],
  ["79460018", "williamson"],
  ["0018", "williamson"],
  ["018"],
  ["+49731123456", "bakery"],
  ["0731 123 456", "bakery"],
  ["3456", "bakery"],

  // Tags and title.
  ["trade fair", "williamson"],
  ["uberfallig", "williamson"],
  ["buyer brien", "obrien"],
];

/** What means something to PostgreSQL's query language, or to LIKE, means nothing here. */
const ODD: readonly (readonly [typed: string, ...found: string[]])[] = [
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
  ["weber | bäcker"],
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

/** One after the other: later ones are newer. */
async function addAll({ get }: World): Promise<void> {
  for (const contact of CONTACTS) await get(createContact, { contact, allowDuplicate: true });
}

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const added = addAll(world);

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

import { afterAll, expect, test } from "bun:test";
import { randomFrom } from "../../../../bench/people.ts";
import { createContact, searchContacts } from "../../../../tools/testing/api/contacts.ts";
import { openClients } from "../../../../tools/testing/clients/all.ts";
import { startServices } from "../../../../tools/testing/services.ts";

const services = await startServices();
const [client] = openClients(services);
if (client === undefined) throw new Error("there is no client");

afterAll(async () => {
  client.close();
  await services.stop();
});

const QUERIES = 400;
/** What means something to somebody: PostgreSQL's query language, LIKE, patterns, JSON, shells. */
const OPERATORS =
  "& | ! ( ) <-> <2> :* :A ' '' \" \\ % _ * ? [ ] { } $1 ; -- /* */ \\x00 @@ ~ ^ , . @ + - #";
const RANGES: readonly (readonly [from: number, to: number])[] = [
  [0x01, 0x7f],
  [0x80, 0x2ff],
  [0x300, 0x36f],
  [0x370, 0x5ff],
  [0x600, 0x6ff],
  [0x900, 0xdff],
  [0xe00, 0xe7f],
  [0x1100, 0x11ff],
  [0x2000, 0x2bff],
  [0x3000, 0x9fff],
  [0xac00, 0xd7a3],
  [0xe000, 0xffff],
  [0x1f300, 0x1faff],
  [0x20000, 0x20fff],
  [0xe0000, 0xe01ff],
  [0x100000, 0x10ffff],
];

const seed = 20_250_101;
const random = randomFrom(seed);
const below = (most: number): number => Math.floor(random() * most);

function character(): string {
  const [from, to] = RANGES[below(RANGES.length)] ?? [0x20, 0x7e];
  const code = from + below(to - from + 1);
  return code >= 0xd800 && code <= 0xdfff ? "x" : String.fromCodePoint(code);
}

function oddQuery(): string {
  const operators = OPERATORS.split(" ");
  const parts = Array.from({ length: 1 + below(12) }, () => {
    const kind = below(4);
    if (kind === 0) return operators[below(operators.length)] ?? "";
    if (kind === 1) return ["Müller", "smith", "李小龙", "محمد", "0731", "ada@ex"][below(6)] ?? "";
    return Array.from({ length: below(8) }, character).join("");
  });
  return parts
    .join(below(2) === 0 ? " " : "")
    .slice(0, 10_000)
    .toWellFormed();
}

test(`nothing of ${QUERIES} odd queries (seed ${seed}) is an error`, async () => {
  const { admin } = await services.newTenant();
  const token = { token: admin.accessToken };
  await client.call(
    createContact,
    { contact: { firstName: "Zoë", lastName: "Müller", email: "ada@example.com" } },
    token,
  );
  for (let at = 0; at < QUERIES; at++) {
    const q = oddQuery();
    const outcome = await client.call(searchContacts, { q }, token);
    expect({ q, outcome }).toMatchObject({ q, outcome: { ok: true } });
  }
}, 60_000);

test.each([
  "garc lopez",
  "ada@x.example",
  "+49 731 123456",
  "01a222cb-e101-752b-8142-0d6ab2276987",
])("%s finds nobody where nobody is", async (q) => {
  const { admin } = await services.newTenant();
  const outcome = await client.call(searchContacts, { q }, { token: admin.accessToken });
  expect(outcome).toMatchObject({ ok: true, value: { items: [] } });
});

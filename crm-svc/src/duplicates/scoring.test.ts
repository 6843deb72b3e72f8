import { describe, expect, test } from "bun:test";
import { comparable, type Identity } from "./comparable.ts";
import { likeness, REVIEW_SCORE } from "./scoring.ts";
import { fold, typos, wordsOf } from "./spelling.ts";

const NOBODY: Identity = {
  firstName: null,
  lastName: null,
  email: null,
  phone: null,
  company: null,
  street: null,
  postalCode: null,
};

/** Nobody else shares anything. */
const RARE = { email: 2, phone: 2, name: 2 };

function compare(one: Partial<Identity>, other: Partial<Identity>, sharing = RARE) {
  const forms = [one, other].map((fields) => comparable({ ...NOBODY, ...fields }));
  const [left = comparable(NOBODY), right = left] = forms;
  const result = likeness(left, right, sharing);
  expect(likeness(right, left, sharing)).toEqual(result);
  return result;
}

/** `First Last`, or the two with a comma where they have several words. */
function named(name: string): Partial<Identity> {
  const [firstName = "", lastName = ""] = name.includes(",") ? name.split(", ") : name.split(" ");
  return { firstName: firstName || null, lastName: lastName || null };
}

describe("names of one person", () => {
  test.each([
    ["Robert Smith", "Bob Smith"],
    ["Bob Smith", "Rob Smith"],
    ["Elizabeth Shaw", "Liz Shaw"],
    ["William Hart", "Bill Hart"],
    ["Johannes Vogt", "Hans Vogt"],
    ["José Ruiz", "Pepe Ruiz"],
    ["Giuseppe Rossi", "Beppe Rossi"],
    ["Александр Иванов", "Sasha Ivanov"],
    ["Екатерина Смирнова", "Katya Smirnova"],
    ["Frédéric Petit", "Fred Petit"],
    ["Jürgen Müller", "Juergen Mueller"],
    ["Jürgen Müller", "Jurgen Muller"],
    ["Jörg Groß", "JOERG GROSS"],
    ["Søren Łukasz", "Soren Lukasz"],
    ["Juri Gagarin", "Gagarin Juri"],
    ["J. Weaver", "Judith Weaver"],
    ["Judith Weaver", "Judit Weaver"],
    ["Judith Weaver", "Judith Waever"],
    ["Judith Ann, Weaver", "Judith Weaver"],
    ["Hans-Peter Vogt", "Hans Vogt"],
    ["Judith Weaver", "Judith, Weaver-Hill"],
    ["Dr. Judith, Weaver", "Judith Weaver"],
    ["Judith Weaver, ", "Judith Weaver"],
    ["Seán O’Neil", "Sean ONeil"],
  ])("%s is %s, if they work together", (one, other) => {
    const company = "Nordlicht Optik GmbH";
    const { score, reasons, likely } = compare(
      { ...named(one), company },
      { ...named(other), company: "Nordlicht Optik" },
    );
    expect(reasons).toContain("nameAndCompany");
    expect(score).toBeGreaterThan(REVIEW_SCORE);
    expect(likely).toBe(true);
  });
});

describe("names of two people", () => {
  test.each([
    ["Martin Kern", "Martina Kern"],
    ["Jan Kern", "Jana Kern"],
    ["Mario Kern", "Maria Kern"],
    ["Paul Kern", "Paula Kern"],
    ["Anna Kern", "Peter Kern"],
    ["Marc Kern", "Mark, Kernel-Stein"],
    ["Judith Kern", "Judith Weaver"],
    ["John Kern", "John, Kern Jr."],
    ["Johann Kern", "Giovanni Kern"],
    ["A. Kern", "Bea Kern"],
  ])("%s is not %s, though rung up at one number", (one, other) => {
    const shared = { phone: "+4973115550", street: "Weg 1", postalCode: "89073" };
    const { score, likely } = compare({ ...named(one), ...shared }, { ...named(other), ...shared });
    expect(likely).toBe(false);
    expect(score).toBeLessThan(REVIEW_SCORE);
  });
});

describe("e-mail addresses", () => {
  const reasonsFor = (one: string, other: string): readonly string[] =>
    compare({ ...named("Jane Doe"), email: one }, { ...named("Jane Doe"), email: other }).reasons;

  test("are the same with dots and tags only where the provider says so", () => {
    expect(reasonsFor("jane.doe@gmail.com", "janedoe+crm@googlemail.com")).toContain(
      "similarEmail",
    );
    expect(reasonsFor("jdoe+crm@x.example", "jdoe@x.example")).toContain("similarEmail");
    expect(reasonsFor("ja.ne@x.example", "jane@x.example")).not.toContain("email");
  });

  test("may be mistyped, but a number behind a mailbox is another one", () => {
    expect(reasonsFor("jane.doe@acme.example", "jnae.doe@acme.example")).toContain("similarEmail");
    expect(reasonsFor("jane.doe@acme.example", "jane.doe@amce.example")).toContain("similarEmail");
    expect(reasonsFor("jane.doe@acme.example", "jane.doe2@acme.example")).toEqual(["name"]);
  });

  test("at another provider tell something if they say more than the name", () => {
    expect(reasonsFor("blackbird77@a.example", "blackbird77@b.other")).toContain("similarEmail");
    expect(reasonsFor("jane.doe@a.example", "jane.doe@b.other")).toEqual(["name"]);
  });

  test("of a couple make nobody else of either", () => {
    const email = "home@doe.example";
    const couple = compare({ ...named("Jane Doe"), email }, { ...named("Peter Doe"), email });
    expect(couple).toMatchObject({ reasons: ["email"], likely: true });
    const office = compare(
      { ...named("Jane Doe"), email },
      { ...named("Peter Smith"), email },
      { ...RARE, email: 20 },
    );
    expect(office.score).toBeLessThan(REVIEW_SCORE);
  });
});

test("a mere name is a reason, but none to refuse, and the commoner the less", () => {
  const rare = compare(named("Jane Doe"), named("Jane Doe"));
  const common = compare(named("Jane Doe"), named("Jane Doe"), { ...RARE, name: 40 });
  expect(rare).toMatchObject({ reasons: ["name"], likely: false });
  expect(rare.score).toBeLessThan(REVIEW_SCORE);
  expect(common.score).toBeLessThan(rare.score / 5);
});

test.each([
  ["Acme GmbH", "ACME AG"],
  ["Acme Ltd.", "The Acme Company"],
  ["Acme S.p.A.", "Acme"],
  ["International Business Machines", "IBM"],
  ["Acme Industries", "Acme Industrise"],
  ["ООО Ромашка", "Romashka"],
])("%s and %s may be one company", (one, other) => {
  const jane = named("Jane Doe");
  expect(compare({ ...jane, company: one }, { ...jane, company: other }).reasons).toContain(
    "nameAndCompany",
  );
});

test("nothing in common is no reason at all", () => {
  expect(compare(named("Jane Doe"), named("Peter Smith"))).toMatchObject({ reasons: [], score: 0 });
  expect(compare({}, {})).toMatchObject({ reasons: [], likely: false });
});

test("words are folded", () => {
  expect(fold("ÀÎÉ Straße ŁÓDŹ Æther Юлия Ξένη")).toBe("aie strasse lodz ather yuliya xeni");
  expect(wordsOf("O’Brien-Nuñez, 王")).toEqual(["obrien", "nunez", "王"]);
  expect(wordsOf(null)).toEqual([]);
});

test("typing errors are counted, a swap as one, up to a bound", () => {
  for (const [one, other, count] of [
    ["smith", "smith", 0],
    ["smith", "smtih", 1],
    ["smith", "smiths", 1],
    ["smith", "smit", 1],
    ["smith", "xmitk", 2],
    ["smith", "jones", 3],
    ["", "ab", 2],
  ] as const) {
    expect(typos(one, other, 2)).toBe(count);
    expect(typos(other, one, 2)).toBe(count);
  }
});

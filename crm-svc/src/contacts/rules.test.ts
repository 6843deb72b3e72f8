import { describe, expect, test } from "bun:test";
import { applyPatch, difference, isNamed, newContact, queryWords } from "./rules.ts";

const creator = "01a203d3-cd0a-72ce-a323-b8a93caa45fb";
const address = {
  street: "Ring 1",
  city: "Köln",
  region: null,
  postalCode: "50667",
  country: "DE",
};
const ada = newContact(
  { firstName: "Ada", email: "ada@example.com", address, tags: ["vip"] },
  creator,
);

describe("a new contact", () => {
  test("belongs to who adds it, unless somebody or nobody is named", () => {
    expect(ada.ownerUserId).toBe(creator);
    expect(newContact({ ownerUserId: null }, creator).ownerUserId).toBeNull();
    expect(newContact({ ownerUserId: "other" }, creator).ownerUserId).toBe("other");
  });

  test("is a lead without tags by default", () => {
    expect(newContact({ lifecycleStage: null, tags: null }, creator)).toMatchObject({
      lifecycleStage: "lead",
      tags: [],
    });
  });

  test("is nameless without any of the names", () => {
    expect(isNamed(ada)).toBe(true);
    expect(isNamed(newContact({ phone: "1", title: "CEO" }, creator))).toBe(false);
  });
});

describe("a patch", () => {
  test("changes what it names and clears what it nulls", () => {
    expect(applyPatch(ada, { firstName: "Eve", email: null, tags: null })).toEqual({
      ...ada,
      firstName: "Eve",
      email: null,
      tags: [],
    });
    expect(applyPatch(ada, {})).toEqual(ada);
    expect(applyPatch(ada, { firstName: undefined })).toEqual(ada);
  });

  test("reaches into the address", () => {
    expect(applyPatch(ada, { address: { city: "Bonn", street: null } }).address).toEqual({
      ...address,
      city: "Bonn",
      street: null,
    });
    expect(applyPatch(ada, { address: null }).address).toBeNull();
    const emptied = { street: null, city: null, postalCode: null, country: null };
    expect(applyPatch(ada, { address: emptied }).address).toBeNull();
  });
});

test("a difference holds the changed fields alone", () => {
  const stored = { ...ada, id: "c1", version: 3, createdAt: "", updatedAt: "" };
  expect(difference(stored, ada)).toBeNull();
  expect(difference(stored, { ...ada, firstName: null, tags: ["vip", "new"] })).toEqual({
    before: { firstName: "Ada", tags: ["vip"] },
    after: { firstName: null, tags: ["vip", "new"] },
  });
});

describe("the words of a query", () => {
  const cases: [typed: string, words: string[]][] = [
    ["smith john", ["smith", "john"]],
    ["  Müller,Zoë ", ["Müller", "Zoë"]],
    ["o'brien & !x | (y) <-> z:*", ["o", "brien", "x", "y", "z"]],
    ["%_\\'\"", []],
    ["ada@example.com", ["ada", "example", "com"]],
    ["李小龍 Иван", ["李小龍", "Иван"]],
    ["again again", ["again"]],
    ["e\u0301mile", ["émile"]],
  ];
  test.each(cases)("of %p", (typed, words) => {
    expect(queryWords(typed)).toEqual(words);
  });

  test("are bounded in number and length", () => {
    const many = Array.from({ length: 100 }, (_, n) => `w${n}`).join(" ");
    expect(queryWords(many)).toHaveLength(16);
    expect(queryWords("x".repeat(10_000))).toEqual(["x".repeat(100)]);
  });
});

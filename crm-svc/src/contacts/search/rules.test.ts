import { describe, expect, test } from "bun:test";
import { distance, respell, termOf } from "./spelling.rules.ts";
import { begunSearch, looseSearch, scoreOf, typedSearch } from "./tiers.rules.ts";
import { digitsFromEnd, directFits, phoneEnds, takeApart } from "./typed.rules.ts";

describe("what is typed is taken apart into words", () => {
  const cases: [typed: string, words: string[]][] = [
    ["smith john", ["smith", "john"]],
    ["  Müller,Zoë ", ["Müller", "Zoë"]],
    ["& !x | (y) <-> z:*", ["x", "y", "z"]],
    ["%_\\'\"", []],
    ["ada@example.com", ["ada", "example", "com"]],
    ["李小龍 Иван", ["李小龍", "Иван"]],
    ["again again", ["again"]],
    ["e\u0301mile", ["émile"]],
    ["O’Brien o'brien", ["OBrien", "obrien"]],
    ["Studio54 3M", ["Studio", "54", "3", "M"]],
    ["東京Tower", ["東京", "Tower"]],
    ["Ｆｕｌｌ　ｗｉｄｔｈ", ["Full", "width"]],
    ["\u{1F600}", []],
  ];
  test.each(cases)("%j", (typed, words) => {
    expect(takeApart(typed).words).toEqual(words);
  });

  test("bounded in number and length, and never cut inside a character", () => {
    const many = Array.from({ length: 100 }, (_, at) => `w${"x".repeat(at)}`).join(" ");
    expect(takeApart(many).words).toHaveLength(16);
    expect(takeApart("x".repeat(10_000)).words).toEqual(["x".repeat(100)]);
    expect(
      takeApart(`x${"\u{20000}".repeat(100)}`).words.every((word) => word.isWellFormed()),
    ).toBe(true);
  });
});

test("an e-mail address is one from its @ on", () => {
  expect(takeApart(" Ada@Example.COM ").email).toBe("ada@example.com");
  expect(takeApart("ada@").email).toBe("ada@");
  expect(takeApart("@example.com").email).toBeNull();
  expect(takeApart("ada ada@example.com").email).toBeNull();
});

describe("a phone number", () => {
  test("is nothing but digits and what stands between them, four of them at least", () => {
    for (const typed of ["(030) 1234-56", "+49 30 1234", "1234", "030/123.456"]) {
      expect(takeApart(typed).phone).toBe(typed);
    }
    for (const typed of ["123", "12 a 34", "1".repeat(21), "++1234", "@1234"]) {
      expect(takeApart(typed).phone).toBeNull();
    }
  });

  test("may be its end, with or without a trunk prefix, or all of it", () => {
    expect(phoneEnds("0731 123456", "+49731123456")).toEqual([
      "49731123456",
      "0731123456",
      "731123456",
    ]);
    expect(phoneEnds("3456", null)).toEqual(["3456"]);
    expect(phoneEnds("0012", null)).toEqual(["0012"]);
    expect(digitsFromEnd("+49 (731) 12")).toBe("2113794");
  });

  test("tells how it fits", () => {
    const contact = { email: "ada@example.com", phone: "+49731123456" };
    const fits = (q: string, phones: string[] = []) =>
      directFits(contact, takeApart(q), phones, [{ field: "phone", how: "prefix" }]);
    expect(fits("123456", ["123456"])).toEqual([{ field: "phone", how: "infix" }]);
    expect(fits("x", ["49731123456"])).toEqual([{ field: "phone", how: "exact" }]);
    expect(fits("ada@ex")).toEqual([
      { field: "email", how: "prefix" },
      { field: "phone", how: "prefix" },
    ]);
  });
});

describe("typing errors between words", () => {
  const cases: [one: string, other: string, errors: number][] = [
    ["smith", "smith", 0],
    ["smtih", "smith", 1],
    ["smit", "smith", 1],
    ["smiith", "smith", 1],
    ["smyth", "smith", 1],
    ["msith", "smith", 1],
    ["smyht", "smith", 2],
    ["ca", "abc", 3],
    ["", "abc", 3],
    ["иавнов", "иванов", 1],
    ["\u{20000}a", "a\u{20000}", 1],
  ];
  test.each(cases)("%s, %s", (one, other, errors) => {
    expect(distance(one, other)).toBe(errors);
    expect(distance(other, one)).toBe(errors);
  });
});

describe("a word that may be meant", () => {
  const meant = (word: string, near: string[], parts: string[] = []) =>
    respell(termOf(word, null), { near, within: [], parts });

  test("differs by one error from four letters on, by two from seven", () => {
    expect(meant("tim", ["tom", "time"]).oneOff).toEqual(["time"]);
    expect(meant("zeo", ["zoe", "leo", "eo"]).oneOff).toEqual(["zoe"]);
    expect(meant("anna", ["ann"]).oneOff).toEqual([]);
    const { oneOff, twoOff } = meant("schmitd", [
      "schmidt",
      "schmied",
      "schmitz",
      "schulz",
      "schmit",
    ]);
    expect(oneOff).toEqual(["schmitz", "schmit", "schmidt", "schmied"]);
    expect(twoOff).toEqual([]);
    expect(meant("schmotd", ["schmidt", "schulz"]).twoOff).toEqual(["schmidt"]);
    expect(meant("smyht", ["smith"]).twoOff).toEqual([]);
  });

  test("is two, if their space is missing or mistyped", () => {
    const { splits } = meant("johnxsmith", [], ["john", "smith", "johnx"]);
    expect(splits).toEqual([
      ["john", "smith"],
      ["johnx", "smith"],
    ]);
    expect(meant("johnsmith", [], ["john", "smith"]).splits).toEqual([["john", "smith"]]);
  });
});

describe("a search", () => {
  const plain = takeApart("smith");
  const ranks = (search: ReturnType<typeof begunSearch>) =>
    (search?.tiers ?? []).map(({ rank }) => rank);

  test("of nothing is none", () => {
    expect(typedSearch(takeApart("!"), [], [])).toBeNull();
    expect(begunSearch([])).toBeNull();
    expect(looseSearch([])).toBeNull();
  });

  test("for words that no contact has is none", () => {
    const nobody = [termOf("smith", ["smith", "smithson"]), termOf("xq", [])];
    expect(typedSearch(plain, [], nobody)).toBeNull();
    expect(begunSearch(nobody)).toBeNull();
    expect(looseSearch(nobody)).toBeNull();
    const begunOnly = [termOf("smi", ["smith"])];
    expect(typedSearch(plain, [], begunOnly)).toBeNull();
    expect(begunSearch(begunOnly)).not.toBeNull();
    const spellings = { near: ["smith"], within: [], parts: [] };
    expect(looseSearch([respell(termOf("smyth", []), spellings)])?.wanted).toBe("'osmith'");
    // The number may be somebody's all the same.
    expect(typedSearch(takeApart("1234"), ["1234"], nobody)?.wanted).toBe("('p4321'|'p4321':*)");
  });

  test("for words with which nothing else begins, and that nothing is like, is one", () => {
    const known = [termOf("smith", ["smith"])];
    expect(typedSearch(plain, [], known)).not.toBeNull();
    expect(begunSearch(known)).toBeNull();
    expect(looseSearch(known)).toBeNull();
    expect(looseSearch([termOf("12", null)])).toBeNull();
  });

  test("has names before company and e-mail before all others", () => {
    expect(
      typedSearch(plain, [], [termOf("smith", null)])?.tiers.map(({ query }) => query),
    ).toEqual(["'nsmith'", "'csmith'", "'osmith'"]);
  });

  test("looks up what words begin with by these words, if they are few and it is long", () => {
    const begun = (...words: string[]) =>
      begunSearch(words.map((word) => termOf(word, [word, `${word}son`])))?.terms;
    expect(begun("smith", "ann")).toEqual(["('osmith'|'osmithson')", "'oann':*"]);
    expect(begunSearch(["smith", "jones"].map((word) => termOf(word, null)))?.terms).toEqual([
      "'osmith':*",
      "'ojones':*",
    ]);
  });

  test("has ranks in order, each once, the stages one after the other", () => {
    const spellings = { near: ["smyth", "smiths"], within: ["blacksmith"], parts: [] };
    const terms = ["smith", "jones"].map((word) =>
      respell(termOf(word, [word, `${word}son`]), spellings),
    );
    const all = [
      ...ranks(typedSearch(takeApart("1234"), ["1234"], terms)),
      ...ranks(begunSearch(terms)),
      ...ranks(looseSearch(terms)),
    ];
    expect(all).toEqual([...new Set(all)].toSorted((a, b) => a - b));
    const scores = all.map(scoreOf);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(Math.min(...scores)).toBeGreaterThan(0);
    expect(Math.max(...scores)).toBeLessThanOrEqual(1);
  });

  test("of an address keeps its quotes and backslashes as they are", () => {
    const search = typedSearch(takeApart("o'b\\@example.com"), [], []);
    expect(search?.tiers[0]?.query).toBe("'eo''b\\\\@example.com'");
  });
});

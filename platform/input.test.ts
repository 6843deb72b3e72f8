import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Failure } from "./errors.ts";
import {
  email,
  expectedVersion,
  flag,
  id,
  moment,
  parseInput,
  text,
  wholeNumber,
} from "./input.ts";

const schema = z.strictObject({
  name: text(5),
  address: z.strictObject({ city: text(5).optional() }).optional(),
  tags: z.array(text(3)).optional(),
  count: wholeNumber(1, 100).default(25),
  loud: flag.default(false),
  free: z.unknown().optional(),
});

function faults(raw: unknown): string[] {
  try {
    parseInput(schema, raw);
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.fields.map(({ path, code }) => `${path} ${code}`);
  }
}

describe("parseInput", () => {
  test("names every field that is not acceptable, and the rule", () => {
    const raw = {
      name: "too long",
      address: { city: 7, country: "DE" },
      tags: ["ok", "long"],
      count: 0,
      extra: 1,
    };
    expect(faults(raw)).toEqual([
      "name too_big",
      "address.city invalid_type",
      "address.country unknown_field",
      "tags[1] too_big",
      "count too_small",
      "extra unknown_field",
    ]);
  });

  test("tells what is missing from what is of the wrong type", () => {
    expect(faults({})).toEqual(["name required"]);
    expect(faults({ name: null })).toEqual(["name invalid_type"]);
    expect(faults(null)).toEqual([" invalid_type"]);
    expect(faults([])).toEqual([" invalid_type"]);
  });

  test("refuses text that PostgreSQL would refuse or change, wherever it is", () => {
    expect(faults({ name: "a\0" })).toEqual(["name nul"]);
    expect(faults({ name: "a", free: { deep: [1, "\ud800"] } })).toEqual([
      "free.deep[1] not_unicode",
    ]);
    expect(faults({ name: "a", free: { "k\0": 1 } })).toEqual(["free nul"]);
    expect(faults({ name: "😀" })).toEqual([]);
  });

  test("refuses what is nested too deeply, without running out of stack", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`);
    expect(faults({ name: "a", free: deep })).toEqual([`free${".a".repeat(31)} too_deep`]);
  });

  test("does not mistake names of Object's for fields", () => {
    const raw = JSON.parse('{"name": "a", "__proto__": {"x": 1}, "constructor": 1}');
    expect(faults(raw)).toEqual(["__proto__ unknown_field", "constructor unknown_field"]);
  });
});

describe("building blocks", () => {
  const accepts = (type: z.ZodType, value: unknown): boolean => type.safeParse(value).success;

  test("text is trimmed and then measured", () => {
    expect(text(3).parse("  abc ")).toBe("abc");
    expect(accepts(text(3), "   ")).toBe(false);
  });

  test("e-mail addresses are lower-cased", () => {
    expect(email.parse(" Ada@Example.COM ")).toBe("ada@example.com");
    for (const wrong of [
      "",
      "ada",
      "ada@",
      "@example.com",
      "a b@example.com",
      `${"a".repeat(250)}@b.co`,
    ]) {
      expect(accepts(email, wrong)).toBe(false);
    }
  });

  test("whole numbers come as numbers or in digits", () => {
    const number = wholeNumber(1, 100);
    expect([number.parse(7), number.parse("7")]).toEqual([7, 7]);
    for (const wrong of [
      "",
      " 7",
      "7.0",
      "1e1",
      "-1",
      "0x7",
      7.5,
      0,
      101,
      Number.NaN,
      null,
      true,
    ]) {
      expect(accepts(number, wrong)).toBe(false);
    }
  });

  test("flags come as such or as words", () => {
    expect([flag.parse(true), flag.parse("true"), flag.parse("false")]).toEqual([
      true,
      true,
      false,
    ]);
    for (const wrong of ["", "1", "yes", 1, null]) expect(accepts(flag, wrong)).toBe(false);
  });

  test("times are of the years that their form has, whatever their offset", () => {
    for (const written of [
      "0001-01-01T00:00:00Z",
      "0001-01-01T05:00:00+05:00",
      "9999-12-31T23:59:59.999Z",
      "9999-12-31T22:59:59-01:00",
    ]) {
      expect(moment.parse(written).toISOString()).toMatch(/^(0001|9999)-/);
    }
    for (const written of [
      "0000-01-01T00:00:00Z",
      "0000-12-31T23:59:59.999Z",
      "0001-01-01T00:00:00+05:00",
      "9999-12-31T23:59:59-01:00",
    ]) {
      // Narrower spans say nothing besides.
      const narrower = moment.refine(() => false, "is too early");
      expect(narrower.safeParse(written).error?.issues).toMatchObject([
        { params: { code: "out_of_range" } },
      ]);
    }
  });

  test("ids are UUIDs, versions are positive", () => {
    expect(accepts(id, Bun.randomUUIDv7())).toBe(true);
    for (const wrong of ["", "1", `${Bun.randomUUIDv7()} `, "{}"])
      expect(accepts(id, wrong)).toBe(false);
    expect(accepts(expectedVersion, 0)).toBe(false);
  });
});

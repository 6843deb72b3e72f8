import { describe, expect, test } from "bun:test";
import { holds } from "./claims.ts";

const text = (content: string, shown: string) => holds({ as: "text", content }, shown);
const json = (content: string, shown: string) => holds({ as: "json", content }, shown);

describe("of a text, a claim", () => {
  test("is held line by line", () => {
    expect(text("one\ntwo", "one\r\ntwo\n")).toBe(true);
    expect(text("one\ntwo", "one\ntwo\nthree")).toBe(false);
    expect(text("one\ntwo", "one")).toBe(false);
    expect(text("a.c (1)", "abc (1)")).toBe(false);
  });

  test("leaves open what is a … in it", () => {
    expect(text('ETag: "…"', 'ETag: "1"')).toBe(true);
    expect(text('ETag: "…"', 'ETag: "1"\nAge: "2"')).toBe(false);
    expect(text("first\n…\nlast", "first\nof\nall\nlast")).toBe(true);
    expect(text("first\n…\nlast", "first\nof\nall")).toBe(false);
  });
});

describe("of JSON, a claim", () => {
  test("is held as far as it goes", () => {
    expect(json('{"a": 1}', '{"b": 2, "a": 1}')).toBe(true);
    expect(json('{"a": 1}', '{"a": "1"}')).toBe(false);
    expect(json('{"a": null}', "{}")).toBe(false);
    expect(json('{"a": {"b": true}}', '{"a": {"b": false}}')).toBe(false);
    expect(json('{"a": 1}', "[]")).toBe(false);
    expect(json("{}", "curl: (7) Failed to connect")).toBe(false);
  });

  test("names all items of a list, unless it ends with …", () => {
    expect(json("[1, 2]", "[1, 2]")).toBe(true);
    expect(json("[1]", "[1, 2]")).toBe(false);
    expect(json('[1, "…"]', "[1, 2, 3]")).toBe(true);
    expect(json('[1, 2, "…"]', "[1]")).toBe(false);
  });

  test("leaves open what is a … in it", () => {
    expect(json('{"a": "…"}', '{"a": {"b": 1}}')).toBe(true);
    expect(json('{"a": "Garc…"}', '{"a": "García"}')).toBe(true);
    expect(json('{"a": "Garc…"}', '{"a": "Gracia"}')).toBe(false);
    expect(json('{"a": "…"}', "{}")).toBe(false);
  });
});

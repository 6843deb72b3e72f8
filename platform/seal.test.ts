import { expect, test } from "bun:test";
import { seal, unseal } from "./seal.ts";

const sealed = seal("the successor", "the presented token", "refresh");

test("only who shows the secret, for the same purpose, can read what was sealed", () => {
  expect(unseal(sealed, "the presented token", "refresh")).toBe("the successor");
  expect(() => unseal(sealed, "another token", "refresh")).toThrow();
  expect(() => unseal(sealed, "the presented token", "another purpose")).toThrow();
});

test("a changed bit is noticed", () => {
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => unseal(changed, "the presented token", "refresh")).toThrow();
  }
});

test("nothing of the text or its sameness shows", () => {
  expect(sealed.includes("successor")).toBe(false);
  expect(seal("the successor", "the presented token", "refresh")).not.toEqual(sealed);
});

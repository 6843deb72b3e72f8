import { expect, test } from "bun:test";
import { demoContacts } from "./contacts.ts";

test("the same seed gives the same contacts, another seed others", () => {
  expect(demoContacts(50, 1)).toEqual(demoContacts(50, 1));
  expect(demoContacts(50, 1)).not.toEqual(demoContacts(50, 2));
});

test("every e-mail address is unique, ASCII, and of a domain that cannot exist", () => {
  const emails = demoContacts(2_000, 1).map(({ email }) => email);
  expect(new Set(emails).size).toBe(emails.length);
  for (const email of emails) expect(email).toMatch(/^[a-z0-9.-]+@[a-z0-9-]+\.example$/);
});

test("names are spread as unevenly as real ones, and not all are Latin", () => {
  const names = demoContacts(1_000, 1).map(({ lastName }) => lastName ?? "");
  const smiths = names.filter((name) => name === "Smith").length;
  const rare = names.filter((name) => name === "Smith-Jones").length;
  expect(smiths).toBeGreaterThan(rare * 2);
  expect(names.some((name) => /\p{Script=Han}/u.test(name))).toBe(true);
  expect(names.some((name) => /\p{Script=Cyrillic}/u.test(name))).toBe(true);
  expect(names.some((name) => /\p{Script=Greek}/u.test(name))).toBe(true);
});

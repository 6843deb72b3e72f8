import { expect, test } from "bun:test";
import { phoneNumber } from "./phones.ts";

test.each<[typed: string, country: string | null, number: string]>([
  ["0731 123456", "DE", "+49731123456"],
  ["(0731) 123-456", "DE", "+49731123456"],
  ["+49 (0) 731 123-456", "US", "+49731123456"],
  ["0049 731 123456", "DE", "+49731123456"],
  ["0049 731 123456", null, "+49731123456"],
  ["011 49 731 123456", "US", "+49731123456"],
  ["06 1234567", "IT", "+39061234567"],
  ["٠٧٣١١٢٣٤٥٦", "DE", "+49731123456"],
  ["+800 1234 5678", null, "+80012345678"],
  ["+1 202 555 0143", null, "+12025550143"],
  ["+1 202 555 0143", "AQ", "+12025550143"],
  ["(202) 555-0143 ext. 5", "US", "+12025550143"],
  ["202.555.0143 x5", "US", "+12025550143"],
  ["202-555-0143 #5", "US", "+12025550143"],
])("%p, typed in %p, is %p", (typed, country, number) => {
  expect(phoneNumber(typed, country)).toBe(number);
  // What it is once, it stays.
  expect(phoneNumber(number, country)).toBe(number);
});

test.each<[typed: string, country: string | null]>([
  ["0731 123456", null],
  ["0731 123456", "AQ"],
  ["call me", "DE"],
  ["call +49 731 123456 now", "DE"],
  ["+49 731 123456, +49 731 123457", "DE"],
  ["110", "DE"],
  ["+999 123456", null],
  ["+", null],
  ["", "DE"],
  ["5".repeat(50), "DE"],
])("%p, typed in %p, is no number", (typed, country) => {
  expect(phoneNumber(typed, country)).toBeNull();
});

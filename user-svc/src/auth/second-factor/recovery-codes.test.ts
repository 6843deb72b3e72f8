import { expect, test } from "bun:test";
import { hashRecoveryCode, newRecoveryCodes } from "./recovery-codes.ts";

test("there are ten, of 80 bits, never the same", () => {
  const codes = Array.from({ length: 20 }, newRecoveryCodes).flat();
  expect(new Set(codes).size).toBe(200);
  for (const code of codes) expect(code).toMatch(/^([a-z2-7]{4}-){3}[a-z2-7]{4}$/);
});

test("they may be typed in other letters, with other spaces and hyphens", () => {
  const [code = ""] = newRecoveryCodes();
  const hash = hashRecoveryCode(code);
  expect(hashRecoveryCode(` ${code.toUpperCase().replaceAll("-", " ")} `)).toEqual(hash);
  expect(hashRecoveryCode(code.replaceAll("-", ""))).toEqual(hash);
  expect(hashRecoveryCode(`${code}a`)).not.toEqual(hash);
});

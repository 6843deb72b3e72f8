import { describe, expect, test } from "bun:test";
import { Secret, TOTP, URI } from "otpauth";
import { codeAt, newSecret, otpauthUri, stepOf } from "./totp.ts";

/** RFC 6238, appendix B: the secret for SHA-1, and what it gives, of which the last six digits count. */
const SECRET = Secret.fromUTF8("12345678901234567890").base32;
const VECTORS: readonly [seconds: number, code: string][] = [
  [59, "94287082"],
  [1111111109, "07081804"],
  [1111111111, "14050471"],
  [1234567890, "89005924"],
  [2000000000, "69279037"],
  [20000000000, "65353130"],
];

describe("the test vectors of RFC 6238", () => {
  test.each(VECTORS)("at %d s", (seconds, code) => {
    const six = code.slice(2);
    expect(codeAt(SECRET, seconds * 1_000)).toBe(six);
    expect(stepOf(six, SECRET, seconds * 1_000)).toBe(Math.floor(seconds / 30));
  });
});

test("a code is known one step before and after, and no further", () => {
  const step = 40_000_000;
  const code = codeAt(SECRET, step * 30_000);
  for (const near of [-1, 0, 1]) expect(stepOf(code, SECRET, (step + near) * 30_000)).toBe(step);
  for (const far of [-2, 2]) expect(stepOf(code, SECRET, (step + far) * 30_000)).toBeNull();
});

test.each(["", "12345", "1234567", "abcdef", "９４２８７０"])("%p is no code", (code) => {
  expect(stepOf(code, SECRET, 59_000)).toBeNull();
});

test("a secret has 160 bits and is never the same", () => {
  const secrets = Array.from({ length: 100 }, newSecret);
  expect(new Set(secrets).size).toBe(100);
  for (const secret of secrets) expect(Secret.fromBase32(secret).bytes).toHaveLength(20);
});

test("the URI tells authenticators all that they need", () => {
  const uri = otpauthUri(SECRET, "Böhm & Söhne: CRM", "ada@böhm.example");
  const read = URI.parse(uri);
  if (!(read instanceof TOTP)) throw new Error(`${uri} is not of TOTP`);
  expect(read).toMatchObject({
    issuer: "Böhm & Söhne  CRM",
    label: "ada@böhm.example",
    algorithm: "SHA1",
    digits: 6,
    period: 30,
  });
  expect(read.secret.base32).toBe(SECRET);
  expect(read.generate({ timestamp: 59_000 })).toBe("287082");
});

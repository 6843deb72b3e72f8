import { expect, test } from "bun:test";
import { readChallenge, secondFactorRequired } from "./challenge.ts";

const SECRET = "a secret that is good for tests only";
const NOW = Date.parse("2026-01-01T12:00:00.000Z");
const challenged = {
  tenantId: Bun.randomUUIDv7(),
  userId: Bun.randomUUIDv7(),
  passwordVersion: 3,
};
const failure = secondFactorRequired(SECRET, challenged, NOW);
const challenge = String(failure.facts["challenge"]);

test("a challenge says who was asked, for five minutes", () => {
  expect(failure).toMatchObject({ kind: "unauthenticated", code: "second_factor_required" });
  expect(readChallenge(SECRET, challenge, NOW)).toEqual(challenged);
  expect(readChallenge(SECRET, challenge, NOW + 299_999)).toEqual(challenged);
  expect(readChallenge(SECRET, challenge, NOW + 300_000)).toBeNull();
});

test("one that was changed, or made up, or is of another secret is none", () => {
  expect(readChallenge("another secret that is good for tests", challenge, NOW)).toBeNull();
  expect(readChallenge(SECRET, "", NOW)).toBeNull();
  expect(readChallenge(SECRET, "AAAA", NOW)).toBeNull();
  const bytes = Buffer.from(challenge, "base64url");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(readChallenge(SECRET, changed.toString("base64url"), NOW)).toBeNull();
  }
});

import { describe, expect, test } from "bun:test";
import { hashToken, newOpaqueToken, tenantOfOpaqueToken } from "./opaque-tokens.ts";

const KINDS = ["refresh", "invitation", "password_reset", "api_key"] as const;

describe.each(KINDS)("an opaque token: %s", (kind) => {
  const tenantId = Bun.randomUUIDv7();
  const token = newOpaqueToken(kind, tenantId);

  test("names its tenant", () => {
    expect(tenantOfOpaqueToken(kind, token)).toBe(tenantId);
  });

  test("is never the same", () => {
    const many = new Set(Array.from({ length: 1_000 }, () => newOpaqueToken(kind, tenantId)));
    expect(many.size).toBe(1_000);
  });

  test("is known by its form; anything else is none", () => {
    for (const other of [
      "",
      token.slice(0, token.indexOf("_") + 1),
      token.slice(1),
      `${token}A`,
      token.slice(0, -1),
      `${token.slice(0, -1)}+`,
      ...KINDS.filter((each) => each !== kind).map((each) => newOpaqueToken(each, tenantId)),
    ]) {
      expect(tenantOfOpaqueToken(kind, other)).toBeNull();
    }
  });
});

test("a token is kept as its SHA-256", () => {
  expect(hashToken("abc").toString("hex")).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

import { expect, test } from "bun:test";
import { rememberedTokens } from "./verified.ts";

/** Verifies whatever does not begin with `bad`, and counts how often it is asked to. */
function verifier(lifetimeMs: number) {
  const asked: string[] = [];
  const verify = rememberedTokens(async (token) => {
    asked.push(token);
    if (token.startsWith("bad")) throw new Error("malformed");
    const expiresAt = Date.now() + lifetimeMs;
    return { userId: token, tenantId: "t", sessionId: "s", role: "sales", expiresAt };
  });
  return { asked, verify };
}

test("a token is verified once, and none passes for another", async () => {
  const { asked, verify } = verifier(60_000);
  for (const token of ["a", "b", "a", "b"]) expect((await verify(token)).userId).toBe(token);
  expect(asked).toEqual(["a", "b"]);
});

test("a token that has ended is verified again, and one that is not good each time", async () => {
  const { asked, verify } = verifier(0);
  await verify("a");
  await verify("a");
  await expect(verify("bad")).rejects.toThrow("malformed");
  await expect(verify("bad")).rejects.toThrow("malformed");
  expect(asked).toEqual(["a", "a", "bad", "bad"]);
});

test("of very many the oldest is forgotten", async () => {
  const { asked, verify } = verifier(60_000);
  for (let token = 0; token <= 10_000; token++) await verify(String(token));
  asked.length = 0;
  await verify("10000");
  await verify("1");
  await verify("0");
  expect(asked).toEqual(["0"]);
});

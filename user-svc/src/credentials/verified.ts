import { hash } from "node:crypto";
import type { AccessTokens, VerifiedClaims } from "../auth/tokens.ts";

type Verify = AccessTokens["verify"];

/** Some 6 MB. One more, and the one that was verified longest ago is forgotten. */
const MAX_REMEMBERED = 10_000;

/**
 * Remembers which tokens are genuine: services ask about the same one every few seconds, and a
 * signature takes longer than all else that is done to answer. It says nothing about the session, which
 * is looked at each time. A process has the same keys all its life, so what was genuine stays so until
 * its end; then `verify` tells what it is.
 */
export function rememberedTokens(verify: Verify): Verify {
  /** By the token's hash, so that nobody can read tokens here; in the order of verifying. */
  const remembered = new Map<string, VerifiedClaims>();

  return async (token) => {
    const key = hash("sha256", token, "base64");
    const found = remembered.get(key);
    if (found !== undefined && Date.now() < found.expiresAt) return found;
    const claims = await verify(token);
    remembered.delete(key);
    remembered.set(key, claims);
    const [oldest = key] = remembered.keys();
    if (remembered.size > MAX_REMEMBERED) remembered.delete(oldest);
    return claims;
  };
}

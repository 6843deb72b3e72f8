import { hashToken } from "../opaque-tokens.ts";

const COUNT = 10;
/** 80 bits: a stolen hash, unsalted as it is, does not give its code away. */
const CODE_BYTES = 10;
/** RFC 4648's base32, in which no two characters are easily taken for each other. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** New codes like `k7m2-qxw4-tb5c-ayfo`, each of which is good once. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: COUNT }, () => {
    const bits = Array.from(crypto.getRandomValues(new Uint8Array(CODE_BYTES)), (byte) =>
      byte.toString(2).padStart(8, "0"),
    ).join("");
    const characters = bits.replace(/.{5}/g, (five) => ALPHABET.charAt(Number.parseInt(five, 2)));
    return characters.replace(/.{4}(?=.)/g, "$&-");
  });
}

/** What is kept of a code. Letters' case, spaces and hyphens do not count. */
export function hashRecoveryCode(code: string): Buffer {
  return hashToken(code.toLowerCase().replace(/[\s-]/g, ""));
}

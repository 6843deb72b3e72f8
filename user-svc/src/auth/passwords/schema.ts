import { z } from "zod";

/** NIST SP 800-63B asks for at least 8, and for longer ones where there is no second factor. */
const MIN_CHARACTERS = 12;
/** Bun pre-hashes what is longer, and no other bcrypt could check that hash. */
const MAX_BYTES = 72;

/** A password as it is typed: not trimmed, not looked at beyond its length. */
const typedPassword = z.string().refine((value) => Buffer.byteLength(value) <= MAX_BYTES, {
  message: `must have at most ${MAX_BYTES} bytes in UTF-8`,
  params: { code: "too_long" },
  abort: true,
});

/** A password to be compared with the one that is stored. */
export const password = typedPassword.min(1, "must not be empty");

/** A password to be stored. Whether it can be guessed is `assertStrongPassword`'s to say. */
export const newPassword = typedPassword.refine((value) => [...value].length >= MIN_CHARACTERS, {
  message: `must have at least ${MIN_CHARACTERS} characters`,
  params: { code: "too_short" },
});

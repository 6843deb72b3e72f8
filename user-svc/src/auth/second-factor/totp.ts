import { Secret, TOTP } from "otpauth";

/** 160 bits: the size of SHA-1's output (RFC 4226, section 4). */
const SECRET_BYTES = 20;
const STEP_SECONDS = 30;
/** Steps before and after the present one whose codes are taken: clocks differ, and typing takes time. */
const WINDOW = 1;

/** A new secret in base32, as authenticators take it. */
export function newSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32;
}

/**
 * What authenticators read from a QR code: the secret, and how it is shown to the person. Colons in a
 * name would be taken for the one between issuer and label, even where they are encoded.
 */
export function otpauthUri(secret: string, issuer: string, label: string): string {
  return totp(secret, issuer.replaceAll(":", " "), label.replaceAll(":", " ")).toString();
}

/**
 * The time step whose code this is, or null if it is of none near `time` (milliseconds since 1970).
 * RFC 6238 with SHA-1, six digits and 30 seconds: all that every authenticator knows.
 */
export function stepOf(code: string, secret: string, time: number): number | null {
  const generator = totp(secret);
  const delta = generator.validate({ token: code, timestamp: time, window: WINDOW });
  return delta === null ? null : generator.counter({ timestamp: time }) + delta;
}

/** The code of a time (milliseconds since 1970). */
export function codeAt(secret: string, time: number): string {
  return totp(secret).generate({ timestamp: time });
}

function totp(secret: string, issuer = "", label = ""): TOTP {
  const algorithm = "SHA1";
  return new TOTP({ issuer, label, secret, algorithm, digits: 6, period: STEP_SECONDS });
}

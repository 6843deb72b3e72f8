import { Failure } from "@crm/platform/errors";
import { seal, unseal } from "@crm/platform/seal";
import { z } from "zod";

const PURPOSE = "second-factor-challenge";
const LIFETIME_MS = 300_000;

const challenge = z.object({
  tenantId: z.uuid(),
  userId: z.uuid(),
  passwordVersion: z.int(),
  expiresAt: z.int(),
});

/** Who has shown which password, and has a code yet to show. */
export type Challenged = Omit<z.output<typeof challenge>, "expiresAt">;

/**
 * Asks for a code: `second_factor_required` with a challenge. All of it is in the challenge, sealed, so
 * that nothing has to be kept of those who give up; it is good for five minutes and until the password
 * changes.
 */
export function secondFactorRequired(secret: string, challenged: Challenged, now: number): Failure {
  const text = JSON.stringify({ ...challenged, expiresAt: now + LIFETIME_MS });
  return new Failure(
    "unauthenticated",
    "second_factor_required",
    "A second factor is needed: repeat with this challenge and a code of the authenticator.",
    { facts: { challenge: seal(text, secret, PURPOSE).toString("base64url") } },
  );
}

/** Who was asked by this challenge; null if it is none of ours, or has expired. */
export function readChallenge(secret: string, text: string, now: number): Challenged | null {
  let opened: string;
  try {
    opened = unseal(Buffer.from(text, "base64url"), secret, PURPOSE);
  } catch {
    // Made up, or sealed under another secret: which of them is nobody's business.
    return null;
  }
  const { data } = challenge.safeParse(JSON.parse(opened));
  if (data === undefined || now >= data.expiresAt) return null;
  const { expiresAt: _, ...challenged } = data;
  return challenged;
}

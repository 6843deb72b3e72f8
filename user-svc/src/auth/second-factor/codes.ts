import { unseal } from "@crm/platform/seal";
import * as queries from "./queries.ts";
import { hashRecoveryCode } from "./recovery-codes.ts";
import { stepOf } from "./totp.ts";

/** What a user's TOTP secret is sealed for: of another user's row it cannot be read. */
export function secretOf(tenantId: string, userId: string): string {
  return `totp-secret/${tenantId}/${userId}`;
}

/**
 * Takes a code of a user's second factor, which is not good again then, and says of which kind it was.
 * Null if it is wrong or was taken before.
 */
export async function takeCode(
  db: Parameters<typeof queries.findFactor>[0],
  encryptionSecret: string,
  shown: { readonly tenantId: string; readonly userId: string; readonly code: string },
): Promise<"totp" | "recovery" | null> {
  const { tenantId, userId, code } = shown;
  const digits = code.replace(/\s/g, "");
  if (!/^\d{6}$/.test(digits)) {
    const taken = await queries.takeRecoveryCode(db, tenantId, userId, hashRecoveryCode(code));
    return taken ? "recovery" : null;
  }
  const factor = await queries.findFactor(db, tenantId, userId);
  if (!factor?.confirmed) return null;
  const secret = unseal(factor.sealedSecret, encryptionSecret, secretOf(tenantId, userId));
  const step = stepOf(digits, secret, Date.now());
  if (step === null) return null;
  return (await queries.takeStep(db, tenantId, userId, step)) ? "totp" : null;
}

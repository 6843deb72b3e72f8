import { Failure, invalid, notFound, unauthenticated } from "@crm/platform/errors";
import { announceRevocation } from "@crm/platform/revocation";
import { seal, unseal } from "@crm/platform/seal";
import { z } from "zod";
import { securityEvent } from "../../security/events.ts";
import { write } from "../../services.ts";
import { checkPasswordOf, credentialsOf } from "../guess.ts";
import { countChange } from "../queries.ts";
import { secretOf } from "./codes.ts";
import * as queries from "./queries.ts";
import { hashRecoveryCode, newRecoveryCodes } from "./recovery-codes.ts";
import { confirmInput, disableInput, enrolment, nothing, recoveryCodeList } from "./schema.ts";
import { newSecret, otpauthUri, stepOf } from "./totp.ts";

/**
 * Begins to set up a second factor; what was begun before is given up. Throws `wrongState` if there is
 * one already: it must be taken away first, which needs the password.
 */
export const enrollTotp = write({
  name: "auth.enrollTotp",
  access: "anySession",
  secretOutput: true,
  input: nothing,
  output: enrolment,
  prepare: async ({ context, actor }) =>
    (await credentialsOf(context, actor.tenantId, actor)) ?? refuse(),
  async run({ context, db, actor: { tenantId, userId } }, _input, { user, tenant }) {
    const { encryptionSecret } = context.services;
    const secret = newSecret();
    const sealed = seal(secret, encryptionSecret, secretOf(tenantId, userId));
    if (!(await queries.enrolFactor(db, tenantId, userId, sealed))) {
      const message = "There is a second factor already: take it away before you set up another.";
      throw new Failure("wrongState", "totp_already_enabled", message);
    }
    return { output: { secret, uri: otpauthUri(secret, tenant.name, user.email) }, audit: [] };
  },
});

/** Confirms the second factor by a first code; from then on sign-in asks for one. */
export const confirmTotp = write({
  name: "auth.confirmTotp",
  access: "anySession",
  secretOutput: true,
  input: confirmInput,
  output: recoveryCodeList,
  async run({ context, db, actor: { tenantId, userId } }, { code }) {
    const { encryptionSecret, keyValue } = context.services;
    const factor = await queries.findFactor(db, tenantId, userId);
    if (factor === null || factor.confirmed) throw nothingToConfirm();
    const { sealedSecret } = factor;
    const secret = unseal(sealedSecret, encryptionSecret, secretOf(tenantId, userId));
    const step = stepOf(code.replace(/\s/g, ""), secret, Date.now());
    if (step === null) {
      const message =
        "is not the authenticator's present code: check its clock, and try the next one";
      throw invalid([{ path: "code", code: "wrong", message }]);
    }
    // Somebody else may have confirmed it, or begun anew, since it was looked at.
    const confirmed = await queries.confirmFactor(db, tenantId, userId, { sealedSecret, step });
    if (!confirmed) throw nothingToConfirm();
    const recoveryCodes = newRecoveryCodes();
    await queries.insertRecoveryCodes(db, tenantId, userId, recoveryCodes.map(hashRecoveryCode));
    await countChange(db, tenantId, userId);
    return {
      output: { recoveryCodes },
      audit: auditOf(userId, true),
      events: [securityEvent("totp_enrolled", { userId })],
      // Where a second factor is demanded, the user may do more from now on.
      afterCommit: () => announceRevocation(keyValue, { tenantId, userId }),
    };
  },
});

/**
 * Takes the second factor away. Whose company demands one can do nothing then but set up another, as after a device
 * is lost. Throws `unauthenticated` if the password is wrong.
 */
export const disableTotp = write({
  name: "auth.disableTotp",
  access: "session",
  input: disableInput,
  output: z.void(),
  async prepare({ context, actor }, { password }) {
    const credentials = (await credentialsOf(context, actor.tenantId, actor)) ?? refuse();
    await checkPasswordOf(context, credentials, password);
  },
  async run({ context, db, actor: { tenantId, userId } }) {
    const deleted = await queries.deleteFactor(db, tenantId, userId);
    if (deleted === null) throw notFound("second factor");
    // Who only gives up setting one up changes nothing.
    if (!deleted.confirmed) return { output: undefined, audit: [] };
    await countChange(db, tenantId, userId);
    return {
      output: undefined,
      audit: auditOf(userId, false),
      events: [securityEvent("totp_disabled", { userId })],
      afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, userId }),
    };
  },
});

function auditOf(userId: string, totpEnabled: boolean) {
  return {
    entity: "user",
    entityId: userId,
    action: totpEnabled ? "totp_enabled" : "totp_disabled",
    before: { totpEnabled: !totpEnabled },
    after: { totpEnabled },
  };
}

function nothingToConfirm(): Failure {
  const message = "No second factor is being set up: begin with POST /v1/auth/totp.";
  return new Failure("wrongState", "totp_not_enrolled", message);
}

/** The user has been there when the token was validated, a moment ago. */
function refuse(): never {
  throw unauthenticated("unknown_user");
}

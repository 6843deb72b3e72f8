import { Failure } from "@crm/platform/errors";
import type { UserMeasures } from "../measures.ts";
import type { UserServices } from "../services.ts";

/** Why a token or key is not good: a label of the metric, so that there are no others. */
const TOKEN_FAULTS = ["expired", "malformed", "revoked"];

type Authenticate = UserServices["authenticate"];

/** Counts how checks of access tokens and API keys end, whoever asks for them. */
export function counted(
  { tokenChecks }: Pick<UserMeasures, "tokenChecks">,
  authenticate: Authenticate,
): Authenticate {
  return async (token, context) => {
    let outcome = "failed";
    try {
      const actor = await authenticate(token, context);
      outcome = "ok";
      return actor;
    } catch (thrown) {
      const refused = thrown instanceof Failure && thrown.kind === "unauthenticated";
      if (refused) outcome = TOKEN_FAULTS.find((fault) => fault === thrown.cause) ?? "failed";
      throw thrown;
    } finally {
      tokenChecks.inc({ outcome });
    }
  };
}

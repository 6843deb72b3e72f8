import { Failure } from "@crm/platform/errors";
import type { Metrics } from "@crm/platform/metrics";
import { Counter } from "prom-client";
import type { UserServices } from "../services.ts";

type Authenticate = UserServices["authenticate"];

/** Counts how checks of access tokens and API keys end, whoever asks for them. */
export function counted({ registry }: Metrics, authenticate: Authenticate): Authenticate {
  const checks = new Counter({
    name: "token_checks_total",
    help: "Checks of access tokens and API keys: ok, expired, malformed, revoked, or failed",
    labelNames: ["outcome"],
    registers: [registry],
  });
  return async (token, context) => {
    let outcome = "failed";
    try {
      const actor = await authenticate(token, context);
      outcome = "ok";
      return actor;
    } catch (thrown) {
      const refused = thrown instanceof Failure && thrown.kind === "unauthenticated";
      if (refused && typeof thrown.cause === "string") outcome = thrown.cause;
      throw thrown;
    } finally {
      checks.inc({ outcome });
    }
  };
}

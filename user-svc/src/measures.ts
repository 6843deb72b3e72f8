import type { Metrics } from "@crm/platform/metrics";
import { Counter } from "prom-client";

/** What user-svc counts besides. */
export interface UserMeasures {
  /** Labels: outcome (`ok`, `failed`, or why it was refused). */
  readonly tokenChecks: Counter<"outcome">;
  readonly eventsNotKept: Counter;
}

export function openMeasures({ registry }: Pick<Metrics, "registry">): UserMeasures {
  const registers = [registry];
  return {
    tokenChecks: new Counter({
      name: "token_checks_total",
      help: "Checks of access tokens and API keys: ok, expired, malformed, revoked, or failed",
      labelNames: ["outcome"],
      registers,
    }),
    eventsNotKept: new Counter({
      name: "security_events_not_kept_total",
      help: "Security events that are in the log but not in the table",
      registers,
    }),
  };
}

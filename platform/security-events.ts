import type { Kysely } from "kysely";
import type { RequestContext } from "./context.ts";
import type { Metrics } from "./metrics.ts";
import { traceId } from "./request.ts";

/** What a reviewer looks at: nothing wrong, worth a look, somebody was or may have been harmed. */
export type Severity = "info" | "warning" | "critical";

/**
 * Something that a security reviewer asks for. Nothing in it may be a secret or an e-mail address:
 * it is written as it is.
 */
export interface SecurityEvent {
  /** A stable name, such as `login_failed`. */
  readonly event: string;
  readonly severity: Severity;
  /** Whom it is about, if that is known. */
  readonly userId?: string | undefined;
  /** The session or API key that it is about; without it, the caller's. */
  readonly sessionId?: string | undefined;
  /** Why, in one word of a small set: a label of the metric. For the log, not for the tenant. */
  readonly reason?: string | undefined;
  /** Further facts, for the log and the tenant. */
  readonly details?: Readonly<Record<string, string | number | readonly string[]>> | undefined;
}

/** The request during which something happened, and the tenant to whom it happened, if known. */
export interface SecurityEventOrigin
  extends Pick<
    RequestContext<unknown>,
    "requestId" | "traceparent" | "clientAddress" | "actor" | "log"
  > {
  readonly tenantId: string | null;
}

/** Where events of a service go. */
export interface SecurityEvents<Tables> {
  /** Keeps the events of a change, in its transaction. They are told to the log once it is committed. */
  keep(
    db: Kysely<Tables>,
    origin: SecurityEventOrigin,
    events: readonly SecurityEvent[],
  ): Promise<void>;
  /** Tells the log of an event whose change is committed. */
  tell(origin: SecurityEventOrigin, event: SecurityEvent): void;
  /**
   * Notes what no transaction is committed for: a refusal, a failure. Returns at once and never
   * throws, so that a failed sign-in takes as long whether there is something to keep or not.
   */
  record(origin: SecurityEventOrigin, event: SecurityEvent): void;
}

/** Events of a service without a table for them: all are in its log. */
export function loggedSecurityEvents(metrics: Metrics): SecurityEvents<unknown> {
  const tell: SecurityEvents<unknown>["tell"] = (origin, event) =>
    logSecurityEvent(metrics, origin, event);
  return { keep: async () => {}, tell, record: tell };
}

/** Writes an event in the log, correlated with the request, and counts it. */
export function logSecurityEvent(
  { securityEvents }: Metrics,
  { requestId, traceparent, clientAddress, actor, log, tenantId }: SecurityEventOrigin,
  { event, severity, userId, sessionId = actor?.sessionId, reason, details }: SecurityEvent,
): void {
  securityEvents.inc({ event, reason: reason ?? "" });
  log[severity === "info" ? "info" : "warn"]({
    event,
    severity,
    requestId,
    traceId: traceId(traceparent),
    clientAddress,
    tenantId: tenantId ?? undefined,
    userId,
    sessionId,
    actorId: actor?.userId,
    reason,
    details,
  });
}

import type { RequestContext } from "./context.ts";
import { deadlineExceeded, Failure } from "./errors.ts";
import type { Limit } from "./limits.ts";
import type { SecurityEvent, SecurityEvents } from "./security-events.ts";

type Context = RequestContext<{ readonly securityEvents: Pick<SecurityEvents<never>, "record"> }>;

/** Does the work within a limit, and records it if the limit refuses. */
export async function limited<T>(
  context: Context,
  operation: string,
  limit: Limit,
  key: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await limit.run(key, () => {
      // It may have waited for its turn, and nobody waits for it any more.
      if (context.signal.aborted || Date.now() >= context.deadline) throw deadlineExceeded();
      return work();
    });
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.quota?.name === limit.name) {
      const details = { operation, limit: limit.name };
      record(context, { event: "rate_limited", severity: "warning", details });
    }
    throw thrown;
  }
}

/** Does the work, and records whatever of its failures says something about security. */
export async function noted<T>(
  context: Context,
  operation: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const event = thrown instanceof Failure ? eventOf(thrown, operation) : null;
    if (event !== null) record(context, event);
    throw thrown;
  }
}

function eventOf(failure: Failure, operation: string): SecurityEvent | null {
  if (failure.kind === "forbidden") {
    const { permission } = failure.facts;
    const details = { operation, ...(typeof permission === "string" && { permission }) };
    return { event: "permission_denied", severity: "warning", details };
  }
  // Forged, or made by another list, for other filters or for another tenant: that cannot be told.
  if (failure.code === "invalid_cursor") {
    return { event: "cursor_refused", severity: "warning", details: { operation } };
  }
  return null;
}

function record(context: Context, event: SecurityEvent): void {
  const { actor, services } = context;
  const origin = { ...context, tenantId: actor?.tenantId ?? null };
  services.securityEvents.record(origin, { ...event, userId: actor?.userId });
}

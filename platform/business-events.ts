import type { AuditEntry } from "./audit.ts";
import type { RequestContext } from "./context.ts";
import type { Metrics } from "./metrics.ts";
import { traceId } from "./request.ts";

/** The names of a service's events, `lead.converted`, and what each of them says. */
export type BusinessEventNames = Readonly<Record<string, string>>;

/** The change during which something happened. */
export interface BusinessEventOrigin
  extends Pick<RequestContext<unknown>, "requestId" | "traceparent" | "log"> {
  readonly tenantId: string;
  /** Null for what the service does by itself. */
  readonly actorId: string | null;
}

/**
 * What a service does for those who use it. Nothing reports an event: it is the audit entry of a change,
 * without which nothing can be changed, and its name is the entry's `entity.action`. So none can be
 * forgotten, none is called something else than in the audit log, and none is told of what was rolled back.
 */
export interface BusinessEvents {
  /** Tells the log and the metrics of a change that is committed: one line for each event's name. */
  tell(origin: BusinessEventOrigin, entries: readonly AuditEntry[]): void;
}

/** Stands for a name that is not listed, so that the metric has only those that are. */
const UNLISTED = "unlisted";

/**
 * @param names are all that there are. Another one is told as an error, which no test of a service
 * lets pass, and changes nothing else: what a user does must not fail because of it.
 * @param count is called with each entry, for what else is counted of it.
 */
export function businessEvents(
  metrics: Pick<Metrics, "businessEvents">,
  names: BusinessEventNames,
  count: (name: string, entry: AuditEntry) => void = () => {},
): BusinessEvents {
  return {
    tell({ requestId, traceparent, log, tenantId, actorId }, entries) {
      for (const [name, same] of Map.groupBy(entries, nameOf)) {
        const facts = { requestId, traceId: traceId(traceparent), tenantId, actorId };
        const listed = Object.hasOwn(names, name);
        if (!listed) log.error({ event: "business_event_unlisted", name, ...facts });
        metrics.businessEvents.inc({ event: listed ? name : UNLISTED }, same.length);
        const [only, another] = same;
        log.info({
          event: name,
          ...facts,
          ...(another === undefined ? { entityId: only?.entityId } : { count: same.length }),
        });
        for (const entry of same) count(name, entry);
      }
    },
  };
}

function nameOf({ entity, action }: AuditEntry): string {
  return `${entity}.${action}`;
}

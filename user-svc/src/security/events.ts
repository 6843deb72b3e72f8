import {
  logSecurityEvent,
  type SecurityEvent,
  type SecurityEventOrigin,
  type SecurityEvents,
} from "@crm/platform/security-events";
import type { Foundation } from "@crm/platform/service";
import type { UserMeasures } from "../measures.ts";
import type { DB } from "../tables.gen.ts";
import { SECURITY_EVENTS, type SecurityEventName } from "./event-names.ts";
import { insertSecurityEvents, type KeptEvent } from "./queries.ts";

/**
 * An event with the severity that its name has. What is committed goes into the `events` of the Change;
 * a refusal goes to `context.services.securityEvents.record({ ...context, tenantId }, event)`.
 */
export function securityEvent(
  event: SecurityEventName,
  about: Omit<SecurityEvent, "event" | "severity"> = {},
): SecurityEvent {
  return { event, severity: SECURITY_EVENTS[event][0], ...about };
}

/** Between two writes of what was recorded: so much is lost at most if the process is killed. */
const WRITE_INTERVAL_MS = 500;
/** Beyond, events stay in the log alone. */
const MAX_WAITING = 1_000;
const WRITE_TIMEOUT_MS = 5_000;

export interface KeptSecurityEvents extends SecurityEvents<DB> {
  /** Writes what still waits. To be called after the last request. */
  flush(): Promise<void>;
}

/**
 * Events in the log and in identity.security_events. Those of a change are written in its transaction.
 * What is recorded otherwise waits in memory for half a second, so that a refusal costs no round trip;
 * it is in the log at once. Of no tenant, or of one that does not exist, it is in the log only.
 */
export function keptSecurityEvents(
  { database, metrics, log }: Pick<Foundation<DB>, "database" | "metrics" | "log">,
  { eventsNotKept }: Pick<UserMeasures, "eventsNotKept">,
): KeptSecurityEvents {
  let waiting = new Map<string, KeptEvent[]>();
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = new Map();
    size = 0;
    writing = writing.then(() => writeAll(batch));
    return writing;
  }

  async function writeAll(batch: ReadonlyMap<string, readonly KeptEvent[]>): Promise<void> {
    for (const [tenantId, events] of batch) {
      const bounds = { tenantId, deadline: Date.now() + WRITE_TIMEOUT_MS };
      await database
        .transaction(bounds, (db) => insertSecurityEvents(db, tenantId, events))
        .catch((error: unknown) => {
          eventsNotKept.inc(events.length);
          log.warn({
            event: "security_events_not_kept",
            tenantId,
            count: events.length,
            err: error,
          });
        });
    }
  }

  return {
    async keep(db, origin, events) {
      if (events.length === 0 || origin.tenantId === null) return;
      const kept = events.map((event) => keptEvent(origin, event));
      await insertSecurityEvents(db, origin.tenantId, kept);
    },
    tell: (origin, event) => logSecurityEvent(metrics, origin, event),
    record(origin, event) {
      logSecurityEvent(metrics, origin, event);
      const { tenantId } = origin;
      if (tenantId === null) return;
      if (size === MAX_WAITING) {
        eventsNotKept.inc();
        return;
      }
      const events = waiting.get(tenantId) ?? [];
      events.push(keptEvent(origin, event));
      waiting.set(tenantId, events);
      size++;
      timer ??= setTimeout(() => void flush(), WRITE_INTERVAL_MS);
    },
    flush,
  };
}

function keptEvent(
  { requestId, clientAddress, actor }: SecurityEventOrigin,
  event: SecurityEvent,
): KeptEvent {
  return {
    occurredAt: new Date(),
    requestId,
    clientAddress,
    sessionId: event.sessionId ?? actor?.sessionId,
    actorId: actor?.userId,
    event,
  };
}

import type { SecurityEvent } from "@crm/platform/security-events";
import type { Kysely } from "kysely";
import type { DB } from "../tables.gen.ts";

/** An event with the request that it belongs to, as the table keeps it. */
export interface KeptEvent {
  readonly occurredAt: Date;
  readonly requestId: string;
  readonly clientAddress: string;
  readonly sessionId: string | undefined;
  readonly actorId: string | undefined;
  readonly event: SecurityEvent;
}

export async function insertSecurityEvents(
  db: Kysely<DB>,
  tenantId: string,
  events: readonly KeptEvent[],
): Promise<void> {
  const rows = events.map(
    ({ occurredAt, requestId, clientAddress, sessionId, actorId, event }) => ({
      tenant_id: tenantId,
      event_id: Bun.randomUUIDv7(),
      occurred_at: occurredAt,
      event: event.event,
      severity: event.severity,
      user_id: event.userId ?? null,
      session_id: sessionId ?? null,
      actor_id: actorId ?? null,
      request_id: requestId,
      client_address: clientAddress,
      details: JSON.stringify(event.details ?? {}),
    }),
  );
  await db.insertInto("identity.security_events").values(rows).execute();
}

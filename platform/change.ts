import type { Kysely } from "kysely";
import { type AuditEntry, insertAuditEntries } from "./audit.ts";
import type { BusinessEvents } from "./business-events.ts";
import type { RequestContext } from "./context.ts";
import type { Database } from "./database.ts";
import type { Failure } from "./errors.ts";
import type { SecurityEvent, SecurityEvents } from "./security-events.ts";

/** The traces of a change, without which it cannot be made. */
interface Traces {
  /** An empty list says that nothing changed. Each entry is a business event too, once it is committed. */
  readonly audit: AuditEntry | readonly AuditEntry[];
  /** What a security reviewer asks for: kept with the change, and logged once it is committed. */
  readonly events?: readonly SecurityEvent[];
  /** What others must hear of it, once it is certain. It may be lost: the tables are the truth. */
  readonly afterCommit?: () => Promise<void>;
}

/** What an operation has changed, and its answer. */
export interface Change<Output> extends Traces {
  readonly output: Output;
}

/** A change and the user who made it; null for what the service does by itself. */
export interface AttributedChange<Output> extends Change<Output> {
  readonly actorId: string | null;
}

/** A change that stands although the request fails, such as the end of a session that was stolen. */
export interface FailedChange extends Traces {
  readonly actorId: string | null;
  /** Thrown once the change is committed. */
  readonly failure: Failure;
}

/** What a change needs of the service that makes it. */
export interface ChangeServices<Tables> {
  readonly database: Database<Tables>;
  readonly securityEvents: SecurityEvents<Tables>;
  readonly businessEvents: BusinessEvents;
}

/** The one place where rows of a tenant are changed: with their traces, or not at all. */
export async function changeTenant<Tables, Output>(
  schema: string,
  context: RequestContext<ChangeServices<Tables>>,
  tenantId: string,
  change: (db: Kysely<Tables>) => Promise<AttributedChange<Output> | FailedChange>,
): Promise<Output> {
  const { requestId, deadline, services } = context;
  const origin = { ...context, tenantId };
  const changed = await services.database.transaction({ tenantId, deadline }, async (db) => {
    const result = await change(db);
    const { actorId } = result;
    const entries = entriesOf(result);
    // The audit log's table is named by the schema, so that it serves every service's.
    await insertAuditEntries(
      db.withTables<never>(),
      schema,
      { tenantId, actorId, requestId },
      entries,
    );
    await services.securityEvents.keep(db, origin, result.events ?? []);
    return result;
  });
  services.businessEvents.tell({ ...origin, actorId: changed.actorId }, entriesOf(changed));
  for (const event of changed.events ?? []) services.securityEvents.tell(origin, event);
  await changed.afterCommit?.().catch((error: unknown) => {
    context.log.warn({ event: "message_lost", requestId, err: error });
  });
  if ("failure" in changed) throw changed.failure;
  return changed.output;
}

function entriesOf({ audit }: Traces): readonly AuditEntry[] {
  return "entity" in audit ? [audit] : audit;
}

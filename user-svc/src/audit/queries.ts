import { type Kysely, sql } from "kysely";
import type { DB } from "../tables.gen.ts";
import type { AuditEntry, AuditFilter } from "./schema.ts";

/** Newest first, one more than `limit`; `after` is the last row of the page before. */
export async function listAuditEntries(
  db: Kysely<DB>,
  tenantId: string,
  filter: AuditFilter,
  limit: number,
  after: { readonly occurredAt: string; readonly id: string } | undefined,
): Promise<AuditEntry[]> {
  let query = db
    .selectFrom("identity.audit_log")
    .selectAll()
    .where("tenant_id", "=", tenantId)
    .orderBy("occurred_at", "desc")
    .orderBy("audit_id", "desc")
    .limit(limit + 1);
  const { entity, entityId, actorId, action, from, to } = filter;
  if (entity !== undefined) query = query.where("entity", "=", entity);
  if (entityId !== undefined) query = query.where("entity_id", "=", entityId);
  if (actorId !== undefined) query = query.where("actor_id", "=", actorId);
  if (action !== undefined) query = query.where("action", "=", action);
  if (from !== undefined) query = query.where("occurred_at", ">=", from);
  if (to !== undefined) query = query.where("occurred_at", "<", to);
  if (after !== undefined) {
    query = query.where(
      sql<boolean>`(occurred_at, audit_id) < (${after.occurredAt}::timestamptz, ${after.id}::uuid)`,
    );
  }
  const rows = await query.execute();
  return rows.map((row) => ({
    id: row.audit_id,
    occurredAt: row.occurred_at.toISOString(),
    actorId: row.actor_id,
    requestId: row.request_id,
    entity: row.entity,
    entityId: row.entity_id,
    action: row.action,
    // Only objects are ever written there: see platform/audit.ts.
    before: row.before as AuditEntry["before"],
    after: row.after as AuditEntry["after"],
  }));
}

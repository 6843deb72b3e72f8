import { type Kysely, sql } from "kysely";

/** One change, as the audit log keeps it. `before` is null for what was made, `after` for what is gone. */
export interface AuditEntry {
  readonly entity: string;
  readonly entityId: string;
  readonly action: string;
  readonly before: object | null;
  readonly after: object | null;
}

export interface AuditOrigin {
  readonly tenantId: string;
  /** The user; null for what a service does by itself. */
  readonly actorId: string | null;
  readonly requestId: string;
}

/** Writes entries into the schema's audit log, as part of the transaction that they describe. */
export async function insertAuditEntries(
  db: Kysely<never>,
  schema: string,
  origin: AuditOrigin,
  entries: readonly AuditEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  // One parameter, however many entries: the statement stays the same, and prepared.
  const rows = entries.map((entry) => ({ id: Bun.randomUUIDv7(), ...entry }));
  await sql`
    insert into ${sql.table(`${schema}.audit_log`)}
      (tenant_id, audit_id, actor_id, request_id, entity, entity_id, action, before, after)
    select ${origin.tenantId}::uuid, id, ${origin.actorId}::uuid, ${origin.requestId}::text,
      entity, "entityId", action, before, after
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as entries
      (id uuid, entity text, "entityId" uuid, action text, before jsonb, after jsonb)`.execute(db);
}

/** The fields of `after` that differ from `before`, as they were and are; null if none does. */
export function changedFields<Values extends object>(
  before: Values,
  after: Values,
): { readonly before: Partial<Values>; readonly after: Partial<Values> } | null {
  // What comes here was made by a schema, so its keys are those of its type.
  const changed = (Object.keys(after) as (keyof Values)[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  if (changed.length === 0) return null;
  const pick = (values: Values) =>
    // `fromEntries` forgets the names.
    Object.fromEntries(changed.map((name) => [name, values[name]])) as Partial<Values>;
  return { before: pick(before), after: pick(after) };
}

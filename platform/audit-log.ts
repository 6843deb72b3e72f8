import { type Kysely, type RawBuilder, sql } from "kysely";
import { z } from "zod";
import { Failure } from "./errors.ts";
import { id, moment, text, timestamp } from "./input.ts";
import type { Operation, OperationServices, operations } from "./operation.ts";
import { type Cursors, cutPage, pageInput, pageOf } from "./pages.ts";

export const auditEntry = z.strictObject({
  id: z.uuid(),
  occurredAt: timestamp,
  actorId: z.uuid().nullable(),
  requestId: z.string(),
  entity: z.string(),
  entityId: z.uuid(),
  action: z.string(),
  before: z.record(z.string(), z.json()).nullable(),
  after: z.record(z.string(), z.json()).nullable(),
});

export const auditPage = pageOf(auditEntry);

/** From a moment on, until before another. */
const listAuditInput = z.strictObject({
  entity: text(50).optional(),
  entityId: id.optional(),
  actorId: id.optional(),
  action: text(50).optional(),
  from: moment.optional(),
  to: moment.optional(),
  ...pageInput,
});

type ListedEntry = z.output<typeof auditEntry>;
export type AuditFilter = Omit<z.output<typeof listAuditInput>, "limit" | "cursor">;

const listPosition = z.tuple([z.string(), z.string()]);

/** The operation that looks at the audit log of a service, by its own `read` and schema. */
export function auditListing<
  Tables,
  Services extends OperationServices<Tables> & { readonly cursors: Cursors },
>(
  { read }: Pick<ReturnType<typeof operations<Tables, Services>>, "read">,
  schema: string,
): Operation<Services, z.output<typeof auditPage>> {
  /** What was changed in the tenant, newest first; with the scope `own`, by the caller. */
  return read({
    name: "audit.list",
    access: "audit:read",
    input: listAuditInput,
    output: auditPage,
    async run({ context, db, actor, ownerOnly }, { limit, cursor, ...filter }) {
      const { cursors } = context.services;
      const { actorId = ownerOnly ?? undefined } = filter;
      if (ownerOnly !== null && actorId !== ownerOnly) {
        throw new Failure(
          "forbidden",
          "forbidden",
          "Your role may only see what you did yourself.",
        );
      }
      const list = ["audit.list", actor.tenantId, { ...filter, actorId }];
      const position = cursors.open(list, cursor, listPosition);
      const after = position && { occurredAt: position[0], id: position[1] };
      const rows = await listAuditEntries(
        db.withTables<never>(),
        schema,
        actor.tenantId,
        { ...filter, actorId },
        limit,
        after,
      );
      return cutPage(rows, limit, (last) => cursors.seal(list, [last.occurredAt, last.id]));
    },
  });
}

interface AuditRow {
  readonly audit_id: string;
  readonly occurred_at: Date;
  readonly actor_id: string | null;
  readonly request_id: string;
  readonly entity: string;
  readonly entity_id: string;
  readonly action: string;
  readonly before: ListedEntry["before"];
  readonly after: ListedEntry["after"];
}

/** Newest first, one more than `limit`; `after` is the last row of the page before. */
export async function listAuditEntries(
  db: Kysely<never>,
  schema: string,
  tenantId: string,
  { entity, entityId, actorId, action, from, to }: AuditFilter,
  limit: number,
  after: { readonly occurredAt: string; readonly id: string } | undefined,
): Promise<ListedEntry[]> {
  const conditions: RawBuilder<unknown>[] = [sql`tenant_id = ${tenantId}::uuid`];
  if (entity !== undefined) conditions.push(sql`entity = ${entity}`);
  if (entityId !== undefined) conditions.push(sql`entity_id = ${entityId}::uuid`);
  if (actorId !== undefined) conditions.push(sql`actor_id = ${actorId}::uuid`);
  if (action !== undefined) conditions.push(sql`action = ${action}`);
  if (from !== undefined) conditions.push(sql`occurred_at >= ${from}`);
  if (to !== undefined) conditions.push(sql`occurred_at < ${to}`);
  if (after !== undefined) {
    conditions.push(
      sql`(occurred_at, audit_id) < (${after.occurredAt}::timestamptz, ${after.id}::uuid)`,
    );
  }
  const { rows } = await sql<AuditRow>`
    select audit_id, occurred_at, actor_id, request_id, entity, entity_id, action, before, after
    from ${sql.table(`${schema}.audit_log`)}
    where ${sql.join(conditions, sql` and `)}
    order by occurred_at desc, audit_id desc
    limit ${limit + 1}`.execute(db);
  return rows.map((row) => ({
    id: row.audit_id,
    occurredAt: row.occurred_at.toISOString(),
    actorId: row.actor_id,
    requestId: row.request_id,
    entity: row.entity,
    entityId: row.entity_id,
    action: row.action,
    before: row.before,
    after: row.after,
  }));
}

import { type Kysely, sql } from "kysely";
import type { DB } from "../../tables.gen.ts";
import type { Reach } from "../queries.ts";
import { type LeadRow, leadColumns, leadOf } from "../rows.ts";
import { likelihoodOf, stageOf } from "../rules.ts";
import type { Lead, LeadStatus } from "../schema.ts";
import type { Transition } from "./schema.ts";

type Db = Kysely<DB>;

/** An entry of the history, as the lead's row and crm.lead_transitions have it. */
const ENTRY = sql`
  jsonb_build_object('number', number, 'from', from_status, 'to', to_status, 'reason', reason,
    'note', note, 'userId', user_id,
    'at', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'lastedSeconds', lasted_ms / 1000.0)`;

/** How a new lead began: the first entry of its history. */
export async function recordOpening(
  db: Db,
  tenantId: string,
  { id, status, statusSince }: Lead,
  userId: string | null,
): Promise<void> {
  await sql`
    with opened as (
      insert into crm.lead_transitions (tenant_id, lead_id, number, to_status, user_id, at)
      values (${tenantId}::uuid, ${id}::uuid, 1, ${status}::text, ${userId}::uuid,
              ${statusSince}::timestamptz)
      returning *
    )
    update crm.leads as leads set history = jsonb_build_array(${ENTRY})
    from opened where leads.tenant_id = opened.tenant_id and leads.lead_id = opened.lead_id`.execute(
    db,
  );
}

export interface Step {
  readonly to: LeadStatus;
  readonly reason: string | null;
  readonly note: string | null;
  readonly userId: string | null;
  /** Whom the lead was won with. */
  readonly customerId?: string;
}

/**
 * Moves a lead that is locked to another status, and keeps that in its row and in its history. The clock
 * is read once: the time that the former status lasted ends where the new one begins.
 */
export async function moveLead(
  db: Db,
  tenantId: string,
  id: string,
  { to, reason, note, userId, customerId }: Step,
): Promise<Lead> {
  const { rows } = await sql<LeadRow>`
    with former as materialized (
      select status, status_since, jsonb_array_length(history) as entries,
        greatest(date_trunc('milliseconds', clock_timestamp()), status_since) as moment
      from crm.leads where tenant_id = ${tenantId}::uuid and lead_id = ${id}::uuid
    ), step as (
      insert into crm.lead_transitions (tenant_id, lead_id, number, from_status, to_status, reason,
                                        note, user_id, at, lasted_ms)
      select ${tenantId}::uuid, ${id}::uuid, entries + 1, case when entries > 0 then status end,
        ${to}::text, ${reason}::text, ${note}::text, ${userId}::uuid, moment,
        case when entries > 0 then round(extract(epoch from moment - status_since) * 1000) end
      from former
      returning *
    )
    update crm.leads as leads
    set status = ${to}::text, status_since = step.at, probability = null,
      likelihood = ${likelihoodOf(to, null)}::smallint,
      furthest = greatest(leads.furthest, ${stageOf(to)}::smallint),
      lost_reason = case when ${to}::text = 'lost' then step.reason end,
      customer_id = coalesce(${customerId ?? null}::uuid, leads.customer_id),
      history = leads.history || ${ENTRY},
      version = version + 1, updated_at = step.at, last_activity_at = step.at,
      follow_up_since = null, follow_up_task_id = null, score_stale = true
    from step
    where leads.tenant_id = step.tenant_id and leads.lead_id = step.lead_id
    returning ${sql.join(leadColumns.map((column) => sql.ref(`leads.${column}`)))}`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error("the lead to move is not there");
  return leadOf(row);
}

/** The lead's transitions, oldest first; null if there is no such lead within reach. */
export async function findHistory(
  db: Db,
  { tenantId, ownedBy }: Reach,
  id: string,
): Promise<Transition[] | null> {
  const row = await db
    .selectFrom("crm.leads")
    .select("history")
    .where("tenant_id", "=", tenantId)
    .where("lead_id", "=", id)
    .where("deleted_at", "is", null)
    .$if(ownedBy !== null, (query) => query.where("assigned_user_id", "=", ownedBy))
    .executeTakeFirst();
  if (row === undefined) return null;
  // Only the statements above ever write there; jsonb has its members in another order.
  return (row.history as unknown as Transition[]).map(
    ({ number, from, to, reason, note, userId, at, lastedSeconds }) => ({
      number,
      from,
      to,
      reason,
      note,
      userId,
      at,
      lastedSeconds,
    }),
  );
}

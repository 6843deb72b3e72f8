import { type Kysely, sql } from "kysely";
import type { LeadSettings } from "../../lead-settings/schema.ts";
import type { DB } from "../../tables.gen.ts";
import { clock, type Reach } from "../queries.ts";
import { leadColumns, leadOf } from "../rows.ts";
import type { Lead } from "../schema.ts";

type Db = Kysely<DB>;
type Days = LeadSettings["inactiveDays"];

/** For so long a lead may have no activity; by its status. */
function patience(days: Days) {
  return sql<Date>`make_interval(days => (${JSON.stringify(days)}::jsonb ->> status)::integer)`;
}

export interface InactiveFilter {
  readonly days: Days;
  /** Null is nobody's. */
  readonly assignedUserId?: string | null | undefined;
  readonly includeSnoozed: boolean;
}

/** The open leads that were left alone for that long, longest first, one more than `limit`. */
export async function listInactive(
  db: Db,
  { tenantId, ownedBy }: Reach,
  { days, assignedUserId, includeSnoozed }: InactiveFilter,
  limit: number,
  after: { readonly lastActivityAt: string; readonly id: string } | undefined,
): Promise<Lead[]> {
  const rows = await db
    .selectFrom("crm.leads")
    .select(leadColumns)
    .where("tenant_id", "=", tenantId)
    .where("is_open", "=", true)
    .where("last_activity_at", "<=", longAgo(days))
    .where(sql<boolean>`last_activity_at + ${patience(days)} <= now()`)
    .$if(ownedBy !== null, (query) => query.where("assigned_user_id", "=", ownedBy))
    .$if(assignedUserId === null, (query) => query.where("assigned_user_id", "is", null))
    .$if(typeof assignedUserId === "string", (query) =>
      query.where("assigned_user_id", "=", assignedUserId ?? null),
    )
    .$if(!includeSnoozed, (query) => query.where(NOT_SNOOZED))
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(last_activity_at, lead_id)
          > (${after?.lastActivityAt}::timestamptz, ${after?.id}::uuid)`,
      ),
    )
    .orderBy("last_activity_at")
    .orderBy("lead_id")
    .limit(limit + 1)
    .execute();
  return rows.map(leadOf);
}

/** At least that long, whatever the status: what the index can look for. */
function longAgo(days: Days) {
  return sql<Date>`now() - make_interval(days => ${Math.min(...Object.values(days))}::integer)`;
}

const NOT_SNOOZED = sql<boolean>`(snoozed_until is null or snoozed_until <= now())`;

/** Some leads that need follow-up and are not flagged yet, locked; those that are locked are left out. */
export async function lockNeglected(
  db: Db,
  tenantId: string,
  days: Days,
  most: number,
): Promise<Lead[]> {
  const rows = await db
    .selectFrom("crm.leads")
    .select(leadColumns)
    .where("tenant_id", "=", tenantId)
    .where("is_open", "=", true)
    .where("follow_up_since", "is", null)
    .where("last_activity_at", "<=", longAgo(days))
    .where(sql<boolean>`last_activity_at + ${patience(days)} <= now()`)
    .where(NOT_SNOOZED)
    .orderBy("last_activity_at")
    .orderBy("lead_id")
    .limit(most)
    .forNoKeyUpdate()
    .skipLocked()
    .execute();
  return rows.map(leadOf);
}

/** Flags a lead that is locked: since its patience, or its snooze, has ended. */
export async function flagLead(
  db: Db,
  tenantId: string,
  id: string,
  { days, taskId }: { readonly days: Days; readonly taskId: string },
): Promise<Lead> {
  const row = await db
    .updateTable("crm.leads")
    .set({
      follow_up_since: sql<Date>`greatest(last_activity_at + ${patience(days)}, snoozed_until)`,
      follow_up_task_id: taskId,
    })
    .where("tenant_id", "=", tenantId)
    .where("lead_id", "=", id)
    .returning(leadColumns)
    .executeTakeFirstOrThrow();
  return leadOf(row);
}

export async function snooze(
  db: Db,
  tenantId: string,
  id: string,
  { until, reason }: { readonly until: Date; readonly reason: string },
): Promise<Lead> {
  const row = await db
    .updateTable("crm.leads")
    .set({
      snoozed_until: until,
      snooze_reason: reason,
      follow_up_since: null,
      follow_up_task_id: null,
      version: sql<number>`version + 1`,
      updated_at: clock,
    })
    .where("tenant_id", "=", tenantId)
    .where("lead_id", "=", id)
    .returning(leadColumns)
    .executeTakeFirstOrThrow();
  return leadOf(row);
}

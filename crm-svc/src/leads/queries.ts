import { type Kysely, type RawBuilder, sql } from "kysely";
import type { DB } from "../tables.gen.ts";
import { leadColumns, leadOf, rowOf } from "./rows.ts";
import { stageOf } from "./rules.ts";
import type { Lead, LeadFilter, LeadStatus, LeadValues, Sort } from "./schema.ts";

type Db = Kysely<DB>;

/** Whose leads, of which tenant: `ownedBy` null means everybody's. */
export interface Reach {
  readonly tenantId: string;
  readonly ownedBy: string | null;
}

/** The clock as it goes on within a transaction, which may have waited for others. */
export const clock = sql<Date>`date_trunc('milliseconds', clock_timestamp())`;

/** What every change of a lead changes: somebody has done something about it. */
export const touched = {
  version: sql<number>`version + 1`,
  updated_at: clock,
  last_activity_at: clock,
  follow_up_since: null,
  follow_up_task_id: null,
  score_stale: true,
};

export async function insertLead(
  db: Db,
  tenantId: string,
  {
    id,
    status,
    values,
  }: { readonly id: string; readonly status: LeadStatus; readonly values: LeadValues },
): Promise<Lead> {
  const row = await db
    .insertInto("crm.leads")
    .values({
      tenant_id: tenantId,
      lead_id: id,
      status,
      furthest: stageOf(status),
      ...rowOf(values, status),
    })
    .returning(leadColumns)
    .executeTakeFirstOrThrow();
  return leadOf(row);
}

export async function findLead(db: Db, reach: Reach, id: string): Promise<Lead | null> {
  const row = await selectLeads(db, reach).where("lead_id", "=", id).executeTakeFirst();
  return row === undefined ? null : leadOf(row);
}

/** The lead, locked until the transaction ends. */
export async function lockLead(db: Db, reach: Reach, id: string): Promise<Lead | null> {
  const row = await selectLeads(db, reach)
    .where("lead_id", "=", id)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row === undefined ? null : leadOf(row);
}

export async function updateLead(
  db: Db,
  tenantId: string,
  { id, status }: Pick<Lead, "id" | "status">,
  values: LeadValues,
): Promise<Lead> {
  const row = await db
    .updateTable("crm.leads")
    .set({ ...rowOf(values, status), ...touched })
    .where("tenant_id", "=", tenantId)
    .where("lead_id", "=", id)
    .returning(leadColumns)
    .executeTakeFirstOrThrow();
  return leadOf(row);
}

export async function markLeadDeleted(db: Db, tenantId: string, id: string): Promise<void> {
  await db
    .updateTable("crm.leads")
    .set({ deleted_at: clock, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("lead_id", "=", id)
    .execute();
}

/** Of a filter, what tells rows: `assignedUserId` is somebody's id, or null for nobody's. */
export type RowFilter = Omit<LeadFilter, "assignedUserId"> & {
  readonly assignedUserId?: string | null | undefined;
};

/** A lead of a list, and what the list has it sorted by. */
export interface Listed {
  readonly lead: Lead;
  readonly key: string;
}

interface SortKey {
  readonly expression: RawBuilder<unknown>;
  /** Of the key as text, for its comparison. */
  readonly type: RawBuilder<unknown>;
}

/** Each has an index, and none of them is ever null. */
const KEYS: Readonly<Record<Sort, SortKey>> = {
  createdAt: { expression: sql`created_at`, type: sql`timestamptz` },
  updatedAt: { expression: sql`updated_at`, type: sql`timestamptz` },
  expectedCloseAt: {
    expression: sql`coalesce(expected_close_at, 'infinity'::timestamptz)`,
    type: sql`timestamptz`,
  },
  value: { expression: sql`value_cents`, type: sql`bigint` },
  score: { expression: sql`score`, type: sql`smallint` },
};

/** In the order of `sort`, one more than `limit`; `after` is the last of the page before. */
export async function listLeads(
  db: Db,
  reach: Reach,
  filter: RowFilter,
  sort: { readonly by: Sort; readonly descending: boolean },
  limit: number,
  after: { readonly key: string; readonly id: string } | undefined,
): Promise<Listed[]> {
  const { expression, type } = KEYS[sort.by];
  const direction = sort.descending ? "desc" : "asc";
  const rows = await matching(db, reach, filter)
    .select(leadColumns)
    .select(sql<string>`(${expression})::text`.as("sort_key"))
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(${expression}, lead_id) ${sql.raw(sort.descending ? "<" : ">")}
          (${after?.key}::text::${type}, ${after?.id}::uuid)`,
      ),
    )
    .orderBy(expression, direction)
    .orderBy("lead_id", direction)
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({ lead: leadOf(row), key: row.sort_key }));
}

/** The leads that all filters let through. */
export function matching(db: Db, { tenantId, ownedBy }: Reach, filter: RowFilter) {
  const { status, assignedUserId, assignedUserStatus, contactId, source, currency } = filter;
  const { createdFrom, createdTo, closeFrom, closeTo, minValue, maxValue, needsFollowUp } = filter;
  const never = new Date(0);
  return db
    .selectFrom("crm.leads")
    .where("tenant_id", "=", tenantId)
    .where("deleted_at", "is", null)
    .$if(ownedBy !== null, (query) => query.where("assigned_user_id", "=", ownedBy))
    .$if(status !== undefined && status.length > 0, (query) =>
      query.where(sql<boolean>`status = any(${status ?? []}::text[])`),
    )
    .$if(assignedUserId === null, (query) => query.where("assigned_user_id", "is", null))
    .$if(typeof assignedUserId === "string", (query) =>
      query.where("assigned_user_id", "=", assignedUserId ?? null),
    )
    .$if(assignedUserStatus !== undefined, (query) =>
      query.where(
        sql<boolean>`assigned_user_id in (select user_id from identity.users
          where tenant_id = ${tenantId}::uuid and status = ${assignedUserStatus})`,
      ),
    )
    .$if(contactId !== undefined, (query) => query.where("contact_id", "=", contactId ?? ""))
    .$if(source !== undefined, (query) => query.where("source", "=", source ?? ""))
    .$if(currency !== undefined, (query) => query.where("currency", "=", currency ?? ""))
    .$if(createdFrom !== undefined, (query) =>
      query.where("created_at", ">=", createdFrom ?? never),
    )
    .$if(createdTo !== undefined, (query) => query.where("created_at", "<", createdTo ?? never))
    .$if(closeFrom !== undefined, (query) =>
      query.where("expected_close_at", ">=", closeFrom ?? never),
    )
    .$if(closeTo !== undefined, (query) => query.where("expected_close_at", "<", closeTo ?? never))
    .$if(minValue !== undefined, (query) =>
      query.where("value_cents", ">=", centsOf(minValue ?? "0.00")),
    )
    .$if(maxValue !== undefined, (query) =>
      query
        .where("value_cents", "<=", centsOf(maxValue ?? "0.00"))
        .where("value_cents", ">=", centsOf("0.00")),
    )
    .$if(needsFollowUp === true, (query) => query.where("follow_up_since", "is not", null))
    .$if(needsFollowUp === false, (query) => query.where("follow_up_since", "is", null));
}

/** `12.30` is 1230, as text: a float would round what is large. */
function centsOf(amount: string): string {
  return amount.replace(".", "");
}

/** A user's status; null if there is no such user. */
export async function findUserStatus(
  db: Db,
  tenantId: string,
  userId: string,
): Promise<string | null> {
  const row = await db
    .selectFrom("identity.users")
    .select("status")
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  return row?.status ?? null;
}

/** The leads that are there (not deleted) and within reach. */
function selectLeads(db: Db, { tenantId, ownedBy }: Reach) {
  return db
    .selectFrom("crm.leads")
    .select(leadColumns)
    .where("tenant_id", "=", tenantId)
    .where("deleted_at", "is", null)
    .$if(ownedBy !== null, (query) => query.where("assigned_user_id", "=", ownedBy));
}

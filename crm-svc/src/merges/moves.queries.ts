import { type Expression, type Kysely, sql } from "kysely";
import { unknownTenant } from "../by-id.queries.ts";
import type { DB } from "../tables.gen.ts";

type Db = Kysely<DB>;

/** Rows of other resources that belong to one contact each, and just follow it. */
const FOLLOWING = {
  interaction: { table: "crm.interactions", id: "interaction_id" },
  lead: { table: "crm.leads", id: "lead_id" },
} as const;
export type Following = keyof typeof FOLLOWING;

interface Move {
  readonly tenantId: string;
  readonly mergeId: string;
  readonly sourceIds: readonly string[];
  readonly targetId: string;
}

/** Gives all that belongs to the sources, deleted or not, to the target. Returns how many rows. */
export async function moveRows(db: Db, kind: Following, move: Move): Promise<number> {
  const { table, id } = FOLLOWING[kind];
  const { numAffectedRows } = await sql`
    with former as materialized (
      select ${sql.ref(id)} as id, contact_id from ${sql.table(table)}
      where tenant_id = ${unknownTenant(move.tenantId)} and contact_id = any(${move.sourceIds}::uuid[])
      order by id
      for update
    ), moved as (
      update ${sql.table(table)} as row
      set contact_id = ${move.targetId}::uuid, version = row.version + 1, updated_at = now()
      from former where row.tenant_id = ${unknownTenant(move.tenantId)} and row.${sql.ref(id)} = former.id
    )
    insert into crm.merged_rows (tenant_id, merge_id, kind, row_id, former_id)
    select ${move.tenantId}::uuid, ${move.mergeId}::uuid, ${kind}::text, id, contact_id
    from former`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** What became of rows that are to go back. */
export interface Returned {
  readonly back: number;
  /** Those that belong to somebody else by now, or that the target has made more of. */
  readonly kept: string[];
}

/**
 * Gives what a merge moved back to whom it belonged, unless it was given to others since, or is a lead that has
 * made a customer of the target.
 */
export async function returnRows(db: Db, kind: Following, move: Move): Promise<Returned> {
  const { table, id } = FOLLOWING[kind];
  const { rows } = await sql<{ row_id: string; back: boolean }>`
    with moved as materialized (
      select row_id, former_id from crm.merged_rows
      where tenant_id = ${unknownTenant(move.tenantId)} and merge_id = ${move.mergeId}::uuid and kind = ${kind}::text
    ), back as (
      update ${sql.table(table)} as row
      set contact_id = moved.former_id, version = row.version + 1, updated_at = now()
      from moved
      where row.tenant_id = ${unknownTenant(move.tenantId)} and row.${sql.ref(id)} = moved.row_id
        and row.contact_id = ${move.targetId}::uuid
        and ${kind === "lead" ? sql`not exists (${customerMadeSince(move)})` : sql`true`}
      returning moved.row_id
    )
    select moved.row_id, back.row_id is not null as back
    from moved left join back on back.row_id = moved.row_id`.execute(db);
  return returned(rows);
}

/** Of a lead, `row`: the target's customer that it is won with, if that is not one which came by the merge. */
function customerMadeSince(move: Move) {
  return sql`
    select from crm.customers customer
    where customer.tenant_id = row.tenant_id and customer.customer_id = row.customer_id
      and customer.contact_id = row.contact_id
      and not exists (
        select from crm.merged_rows came
        where came.tenant_id = ${move.tenantId}::uuid and came.merge_id = ${move.mergeId}::uuid
          and came.kind = 'customer' and came.row_id = customer.customer_id)`;
}

function returned(rows: readonly { readonly row_id: string; readonly back: boolean }[]): Returned {
  return {
    back: rows.filter(({ back }) => back).length,
    kept: rows.filter(({ back }) => !back).map((row) => row.row_id),
  };
}

/** What a lead is worth rests on its contact, and on what happened with that. */
export async function markScoresStale(
  db: Db,
  tenantId: string,
  contactIds: readonly string[],
): Promise<void> {
  const tenant = unknownTenant(tenantId);
  await sql`
    with stale as materialized (
      select lead_id from crm.leads
      where tenant_id = ${tenant} and contact_id = any(${contactIds}::uuid[])
        and is_open and not score_stale
      order by lead_id
      for no key update
    )
    update crm.leads set score_stale = true
    from stale where leads.tenant_id = ${tenant} and leads.lead_id = stale.lead_id`.execute(db);
}

/**
 * A contact has at most one customer. The target's stays, and those of the sources become part of it; if
 * the target has none, it gets the sources' eldest. Returns how many customers changed.
 */
export async function moveCustomers(db: Db, move: Move): Promise<number> {
  const { numAffectedRows } = await sql`
    with former as materialized (
      select customer_id, contact_id from crm.customers
      where tenant_id = ${move.tenantId}::uuid and merged_into is null
        and contact_id = any(${[move.targetId, ...move.sourceIds]}::uuid[])
      order by customer_id
      for update
    ), heir as (
      select customer_id, contact_id from former
      order by contact_id = ${move.targetId}::uuid desc, customer_id limit 1
    ), moved as (
      update crm.customers as customer
      set contact_id = case when heir.customer_id = former.customer_id
                            then ${move.targetId}::uuid else former.contact_id end,
          merged_into = case when heir.customer_id <> former.customer_id then heir.customer_id end,
          version = customer.version + 1, updated_at = now()
      from former, heir
      where customer.tenant_id = ${move.tenantId}::uuid
        and customer.customer_id = former.customer_id
        and former.contact_id <> ${move.targetId}::uuid
    )
    insert into crm.merged_rows (tenant_id, merge_id, kind, row_id, former_id)
    select ${move.tenantId}::uuid, ${move.mergeId}::uuid, 'customer', customer_id, contact_id
    from former where contact_id <> ${move.targetId}::uuid`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/**
 * A later merge that made a customer part of one that this merge has moved, and so must be undone first.
 */
export async function findLaterCustomerMerge(db: Db, move: Move): Promise<string | null> {
  const { rows } = await sql<{ merge_id: string }>`
    select later.merge_id
    from crm.merged_rows mine
    join crm.customers part
      on part.tenant_id = ${move.tenantId}::uuid and part.merged_into = mine.row_id
    join crm.merged_rows later
      on later.tenant_id = ${move.tenantId}::uuid and later.kind = 'customer'
      and later.row_id = part.customer_id and later.merge_id > mine.merge_id
    join crm.merges on merges.tenant_id = ${move.tenantId}::uuid
      and merges.merge_id = later.merge_id and merges.undone_at is null
    where mine.tenant_id = ${move.tenantId}::uuid and mine.merge_id = ${move.mergeId}::uuid
      and mine.kind = 'customer'
    order by later.merge_id desc limit 1`.execute(db);
  return rows[0]?.merge_id ?? null;
}

/** As returnRows. */
export async function returnCustomers(db: Db, move: Move): Promise<Returned> {
  const { rows } = await sql<{ row_id: string; back: boolean }>`
    with moved as materialized (
      select row_id, former_id from crm.merged_rows
      where tenant_id = ${move.tenantId}::uuid and merge_id = ${move.mergeId}::uuid
        and kind = 'customer'
    ), back as (
      update crm.customers as customer
      set contact_id = moved.former_id, merged_into = null,
          version = customer.version + 1, updated_at = now()
      from moved
      where customer.tenant_id = ${move.tenantId}::uuid and customer.customer_id = moved.row_id
        and customer.contact_id in (${move.targetId}::uuid, moved.former_id)
      returning moved.row_id
    )
    select moved.row_id, back.row_id is not null as back
    from moved left join back on back.row_id = moved.row_id`.execute(db);
  return returned(rows);
}

/** Whom a source is known not to be, the target is not either. */
export async function copyDismissals(db: Db, move: Move): Promise<void> {
  await sql`
    with other as (
      select distinct case when first_id = any(${move.sourceIds}::uuid[]) then second_id else first_id end as id
      from crm.duplicate_dismissals
      where tenant_id = ${move.tenantId}::uuid
        and (first_id = any(${move.sourceIds}::uuid[]) or second_id = any(${move.sourceIds}::uuid[]))
    ), copied as (
      insert into crm.duplicate_dismissals (tenant_id, first_id, second_id)
      select ${move.tenantId}::uuid, least(id, ${move.targetId}::uuid), greatest(id, ${move.targetId}::uuid)
      from other
      where id <> all(${[move.targetId, ...move.sourceIds]}::uuid[])
      on conflict do nothing
      returning case when first_id = ${move.targetId}::uuid then second_id else first_id end as id
    )
    insert into crm.merged_rows (tenant_id, merge_id, kind, row_id)
    select ${move.tenantId}::uuid, ${move.mergeId}::uuid, 'dismissal', id
    from other
    where id in (select id from copied) or ${copiedByOthers(move, sql.ref("other.id"))}`.execute(
    db,
  );
}

/** Removes what copyDismissals has added, but for what others of the target's merges have it from, too. */
export async function removeCopiedDismissals(db: Db, move: Move): Promise<void> {
  await sql`
    delete from crm.duplicate_dismissals dismissal
    using crm.merged_rows copied
    where copied.tenant_id = ${move.tenantId}::uuid and copied.merge_id = ${move.mergeId}::uuid
      and copied.kind = 'dismissal' and dismissal.tenant_id = ${move.tenantId}::uuid
      and dismissal.first_id = least(copied.row_id, ${move.targetId}::uuid)
      and dismissal.second_id = greatest(copied.row_id, ${move.targetId}::uuid)
      and not ${copiedByOthers(move, sql.ref("copied.row_id"))}`.execute(db);
}

function copiedByOthers(move: Move, id: Expression<unknown>) {
  return sql`exists (
    select from crm.merges standing
    join crm.merged_rows theirs
      on theirs.tenant_id = standing.tenant_id and theirs.merge_id = standing.merge_id
      and theirs.kind = 'dismissal' and theirs.row_id = ${id}
    where standing.tenant_id = ${move.tenantId}::uuid and standing.target_id = ${move.targetId}::uuid
      and standing.merge_id <> ${move.mergeId}::uuid and standing.undone_at is null)`;
}

/** The pairs that contacts are in; what is changed is compared anew. */
export async function removePairs(db: Db, tenantId: string, ids: readonly string[]): Promise<void> {
  for (const column of ["first_id", "second_id"] as const) {
    await db
      .deleteFrom("crm.duplicate_pairs")
      .where("tenant_id", "=", tenantId)
      .where(column, "=", sql<string>`any(${ids}::uuid[])`)
      .execute();
  }
}

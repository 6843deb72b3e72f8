import { type Kysely, type RawBuilder, sql } from "kysely";
import type { DB } from "../../tables.gen.ts";
import type { Reach } from "../queries.ts";
import { LEAD_STATUSES } from "../schema.ts";
import type { Pipeline } from "./schema.ts";

type Db = Kysely<DB>;

/** One currency of one status, or what has no value there; the median is the status's. */
interface PipelineRow {
  readonly as_of: Date;
  readonly status: string;
  readonly median: number | null;
  readonly currency: string | null;
  readonly count: number;
  readonly value: string | null;
  readonly weighted: string | null;
}

/**
 * The pipeline of these leads; `assignedUserId` null is nobody's. As of now, or of a moment that has
 * passed: then it is what it would have been answered at that moment, up to changes that were being made
 * right then, which count from when they were made and not from when they were committed.
 */
export async function findPipeline(
  db: Db,
  reach: Reach,
  assignedUserId: string | null | undefined,
  asOf: Date | undefined,
): Promise<Pipeline> {
  const whose = conditions(reach, assignedUserId);
  const { rows } = await (asOf === undefined
    ? pipelineNow(whose)
    : pipelineThen(whose, asOf)
  ).execute(db);
  return {
    asOf: (asOf ?? rows[0]?.as_of ?? new Date()).toISOString(),
    statuses: LEAD_STATUSES.map((status) => {
      const cells = rows.filter((row) => row.status === status && row.count > 0);
      const days = cells[0]?.median ?? null;
      return {
        status,
        count: cells.reduce((sum, { count }) => sum + count, 0),
        medianDaysInStatus: days === null ? null : Math.round(days * 1e4) / 1e4,
        values: cells.flatMap(({ currency, count, value, weighted }) =>
          currency === null || value === null || weighted === null
            ? []
            : {
                currency,
                count,
                value: { amount: value, currency },
                weightedValue: { amount: weighted, currency },
              },
        ),
      };
    }),
  };
}

/**
 * Everything out of one index, which has the times in order, so that a median is found by counting to
 * it. Values are first added by equal probability, because weighing each costs as much as all the rest.
 */
function pipelineNow(whose: RawBuilder<unknown>): RawBuilder<PipelineRow> {
  return sql<PipelineRow>`
    with sums as materialized (
      select status, currency, likelihood, count(*) as count, sum(value) as value
      from crm.lead_states where ${whose} and valid_to is null
      group by status, currency, likelihood
    ), cell as (${CELLS}), whole as (
      select status, sum(count)::bigint as count from cell group by status
    ), middle as materialized (
      select status,
        (select avg(since) from (
           select date_part('epoch', status_since) as since from crm.lead_states
           where ${whose} and valid_to is null and status = whole.status
           order by status_since
           offset (whole.count - 1) / 2 limit 2 - whole.count % 2
         ) as nearest) as since
      from whole
    ), clock as (select date_trunc('milliseconds', clock_timestamp()) as now)
    select clock.now as as_of, cell.status, cell.currency, cell.count::integer as count, cell.value,
      cell.weighted, (date_part('epoch', clock.now) - middle.since) / 86400 as median
    from clock left join (cell join middle using (status)) on true
    order by cell.status, cell.currency`;
}

/** States that ended since, and those that last; each of the two has its index. */
function pipelineThen(whose: RawBuilder<unknown>, asOf: Date): RawBuilder<PipelineRow> {
  const columns = sql`status, status_since, currency, value, likelihood`;
  return sql<PipelineRow>`
    with state as not materialized (
      select ${columns} from crm.lead_states
      where ${whose} and valid_to > ${asOf}::timestamptz and valid_from <= ${asOf}::timestamptz
      union all
      select ${columns} from crm.lead_states
      where ${whose} and valid_to is null and valid_from <= ${asOf}::timestamptz
    ), sums as (
      select status, currency, likelihood, count(*) as count, sum(value) as value
      from state group by status, currency, likelihood
    ), cell as (${CELLS}), middle as (
      select status, percentile_cont(0.5) within group (order by date_part('epoch', status_since))
        as since
      from state group by status
    )
    select ${asOf}::timestamptz as as_of, status, currency, count::integer as count, value, weighted,
      (date_part('epoch', ${asOf}::timestamptz) - since) / 86400 as median
    from cell join middle using (status)
    order by status, currency`;
}

const CELLS = sql`
  select status, currency, sum(count) as count, round(sum(value), 2)::text as value,
    round(sum(value * likelihood) / 100, 2)::text as weighted
  from sums group by status, currency`;

function conditions(
  { tenantId, ownedBy }: Reach,
  assignedUserId: string | null | undefined,
): RawBuilder<unknown> {
  const user = (id: string) => sql`assigned_user_id = ${id}::uuid`;
  return sql.join(
    [
      sql`tenant_id = ${tenantId}::uuid`,
      ...(ownedBy === null ? [] : [user(ownedBy)]),
      ...(assignedUserId === undefined
        ? []
        : [assignedUserId === null ? sql`assigned_user_id is null` : user(assignedUserId)]),
    ],
    sql` and `,
  );
}

import { type Kysely, type RawBuilder, sql } from "kysely";
import type { DB } from "../../tables.gen.ts";
import type { Reach } from "../queries.ts";
import type { Cell, Cycle } from "./rules.ts";
import { CERTAIN_PERCENT, type GroupBy, type LeadMetrics } from "./schema.ts";

type Db = Kysely<DB>;

export interface Period {
  readonly from: Date | undefined;
  readonly to: Date | undefined;
}

/** The tenant's time zone, an IANA name. */
export async function findTimeZone(db: Db, tenantId: string): Promise<string> {
  const row = await db
    .selectFrom("identity.tenants")
    .select("time_zone")
    .where("tenant_id", "=", tenantId)
    .executeTakeFirstOrThrow();
  return row.time_zone;
}

interface CountedRow {
  readonly overall: boolean;
  readonly key: string | null;
  readonly month: string | null;
  readonly status: string | null;
  readonly furthest: number | null;
  readonly months_to_win: number | null;
  readonly count: number;
  readonly median: number | null;
  readonly p90: number | null;
}

/**
 * Counts the leads that were made in a period by all that the report tells them apart by, in one pass over
 * an index that has it; and how long the won ones took.
 */
export async function countLeads(
  db: Db,
  reach: Reach,
  { from, to }: Period,
  { groupBy, timeZone }: { readonly groupBy: GroupBy; readonly timeZone: string },
): Promise<{ readonly cells: Cell[]; readonly cycles: Cycle[] }> {
  const eldest = sql`
    (select created_at from crm.leads
     where tenant_id = ${reach.tenantId}::uuid and deleted_at is null
     order by created_at limit 1)`;
  const first = from === undefined ? eldest : sql`greatest(${from}::timestamptz, ${eldest})`;
  const made = sql.join(
    [
      sql`deleted_at is null`,
      ...conditions(reach),
      ...(from === undefined ? [] : [sql`created_at >= ${from}::timestamptz`]),
      ...(to === undefined ? [] : [sql`created_at < ${to}::timestamptz`]),
    ],
    sql` and `,
  );
  const month = (at: string) => sql`width_bucket(${sql.ref(at)}, (select starts from period))`;
  const key =
    groupBy === "source"
      ? sql`source`
      : groupBy === "user"
        ? sql`assigned_user_id`
        : month("created_at");
  const label = (of: RawBuilder<unknown>) => sql`(select labels from period)[${of}]`;
  const keyLabel = groupBy === "month" ? label(sql`key`) : sql`key::text`;
  const { rows } = await sql<CountedRow>`
    with period as materialized (${months(first, sql`now()`, timeZone)}),
    cell as (
      select ${key} as key, ${month("created_at")} as month, status, furthest,
        case when status = 'won' then ${month("status_since")} end as won_month, count(*) as count
      from crm.leads where ${made}
      group by 1, 2, 3, 4, 5
    ), cycle as (
      select grouping(key) = 1 as overall, key,
        percentile_cont(array[0.5, 0.9]) within group (order by seconds) as parts
      from (
        select ${key} as key, date_part('epoch', status_since - created_at) as seconds
        from crm.leads where ${made} and status = 'won'
      ) as won
      group by grouping sets ((key), ())
    )
    select false as overall, ${keyLabel} as key, ${label(sql`month`)} as month, status, furthest,
      won_month - month as months_to_win, count::integer as count, null::float8 as median,
      null::float8 as p90
    from cell
    union all
    select overall, ${keyLabel}, null, null, null, null, 0, parts[1] / 86400, parts[2] / 86400
    from cycle where parts is not null`.execute(db);
  return {
    cells: rows.flatMap(({ key: of, month: made, status, furthest, months_to_win, count }) =>
      made === null || status === null || furthest === null
        ? []
        : { key: of, month: made, status, furthest, monthsToWin: months_to_win, count },
    ),
    cycles: rows.flatMap(({ overall, key: of, median, p90 }) =>
      median === null || p90 === null ? [] : { overall, key: of, median, p90 },
    ),
  };
}

interface ForecastRow {
  readonly month: string | null;
  readonly currency: string;
  readonly count: number;
  readonly weighted: string;
  readonly best: string;
  readonly worst: string;
}

/** What all open leads may bring. Added by equal probability first, as the pipeline is. */
export async function findForecast(
  db: Db,
  reach: Reach,
  timeZone: string,
): Promise<LeadMetrics["forecast"]> {
  const open = sql.join([sql`is_open`, sql`value is not null`, ...conditions(reach)], sql` and `);
  const end = (which: "asc" | "desc") => sql`
    (select expected_close_at from crm.leads
     where tenant_id = ${reach.tenantId}::uuid and is_open and expected_close_at is not null
     order by expected_close_at ${sql.raw(which)} limit 1)`;
  const { rows } = await sql<ForecastRow>`
    with period as materialized (${months(end("asc"), end("desc"), timeZone)}),
    sums as (
      select width_bucket(expected_close_at, (select starts from period)) as month, currency,
        likelihood, count(*) as count, sum(value) as value
      from crm.leads where ${open}
      group by 1, 2, 3
    )
    select (select labels from period)[month] as month, currency, sum(count)::integer as count,
      round(sum(value * likelihood) / 100, 2)::text as weighted, round(sum(value), 2)::text as best,
      coalesce(round(sum(value) filter (where likelihood >= ${CERTAIN_PERCENT}::integer), 2),
               0.00)::text as worst
    from sums group by sums.month, currency
    order by sums.month nulls last, currency`.execute(db);
  return rows.map(({ month, currency, count, weighted, best, worst }) => ({
    month,
    currency,
    count,
    weighted: { amount: weighted, currency },
    best: { amount: best, currency },
    worst: { amount: worst, currency },
  }));
}

function conditions({ tenantId, ownedBy }: Reach): RawBuilder<unknown>[] {
  return [
    sql`tenant_id = ${tenantId}::uuid`,
    ...(ownedBy === null ? [] : [sql`assigned_user_id = ${ownedBy}::uuid`]),
  ];
}

/**
 * When the months begin from one moment to another: the first moment whose local time is in it. That is
 * not always what midnight stands for, which where clocks are set back at one o'clock comes twice:
 * PostgreSQL takes the second.
 */
function months(
  first: RawBuilder<unknown>,
  last: RawBuilder<unknown>,
  timeZone: string,
): RawBuilder<unknown> {
  return sql`
    select array_agg(start order by local) as starts,
      array_agg(to_char(local, 'YYYY-MM') order by local) as labels
    from generate_series(date_trunc('month', ${first} at time zone ${timeZone}),
                         ${last} at time zone ${timeZone}, interval '1 month') as local
    cross join lateral (
      select min(moment) as start
      from (values (interval '0'), (interval '30 minutes'), (interval '1 hour')) as earlier (shift)
      cross join lateral (select (local at time zone ${timeZone}) - shift as moment) as candidate
      where shift = interval '0' or moment at time zone ${timeZone} >= local
    ) as begun`;
}

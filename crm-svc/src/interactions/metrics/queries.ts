import { type Kysely, type RawBuilder, sql } from "kysely";
import type { DB } from "../../tables.gen.ts";
import { matching, type Reach, type RowFilter } from "../queries.ts";
import type { Cell, Duration } from "./rules.ts";
import type { GroupBy } from "./schema.ts";

type Db = Kysely<DB>;

/** Days, weeks or months of a time zone; the last one is where the one before it ends. */
export interface Periods {
  readonly starts: readonly Date[];
  /** Such as `2026-01-31`, `2026-W05` and `2026-01`. */
  readonly labels: readonly string[];
}

const PERIODS = {
  day: { step: "1 day", label: "YYYY-MM-DD" },
  week: { step: "1 week", label: 'IYYY-"W"IW' },
  month: { step: "1 month", label: "YYYY-MM" },
} as const;

/** The tenant's time zone, an IANA name. */
export async function findTimeZone(db: Db, tenantId: string): Promise<string> {
  const row = await db
    .selectFrom("identity.tenants")
    .select("time_zone")
    .where("tenant_id", "=", tenantId)
    .executeTakeFirstOrThrow();
  return row.time_zone;
}

/**
 * The periods that a filter reaches over. Each begins with the first moment whose local time is in it.
 * That is not always what midnight stands for: where clocks are set back at one o'clock it comes twice, and
 * PostgreSQL takes the second.
 */
export async function findPeriods(
  db: Db,
  tenantId: string,
  { from, to }: Pick<RowFilter, "from" | "to">,
  period: keyof typeof PERIODS,
  timeZone: string,
): Promise<Periods> {
  const { step, label } = PERIODS[period];
  const end = (which: "asc" | "desc") => sql`
    (select occurred_at from crm.interactions
     where tenant_id = ${tenantId}::uuid and deleted_at is null
     order by occurred_at ${sql.raw(which)} limit 1)`;
  const first = from === undefined ? end("asc") : sql`${from}::timestamptz`;
  const last = to === undefined ? end("desc") : sql`${to}::timestamptz`;
  const { rows } = await sql<Periods>`
    select coalesce(array_agg(start order by local), '{}') as starts,
      coalesce(array_agg(to_char(local, ${sql.lit(label)}) order by local), '{}') as labels
    from generate_series(
      date_trunc(${sql.lit(period)}, ${first} at time zone ${timeZone}),
      (${last} at time zone ${timeZone}) + ${sql.lit(step)}::interval, ${sql.lit(step)}::interval
    ) as local cross join lateral (
      select min(moment) as start
      from (values (interval '0'), (interval '30 minutes'), (interval '1 hour')) as earlier (shift)
      cross join lateral (select (local at time zone ${timeZone}) - shift as moment) as candidate
      where shift = interval '0' or moment at time zone ${timeZone} >= local
    ) as begun`.execute(db);
  return rows[0] ?? { starts: [], labels: [] };
}

/** What to count by; where that is time, by these periods, beyond which the filter must not reach. */
export type Grouping =
  | { readonly groupBy: Exclude<GroupBy, keyof typeof PERIODS> }
  | { readonly periods: Periods };

export interface Measured {
  readonly cells: readonly Cell[];
  readonly durations: readonly Duration[];
}

interface MeasuredRow extends Cell, Omit<Duration, "median"> {
  /** Null in a row that counts a group's interactions with one outcome, and tells nothing else. */
  readonly median: number | null;
}

/**
 * Counts the interactions that a filter lets through. That needs no order, so PostgreSQL can have several
 * processes do it, from an index that has all they take. Durations are asked of those alone that have one,
 * from an index of their own: to add them up with the others takes half as long again.
 */
export async function measure(
  db: Db,
  reach: Reach,
  filter: RowFilter,
  grouping: Grouping,
): Promise<Measured> {
  const key = keyOf(grouping);
  const counted = matching(db, reach, filter)
    .select([key.as("key"), "outcome", sql`count(*)`.as("count")])
    .groupBy([sql`1`, "outcome"]);
  const timed = matching(db, reach, filter)
    .select([key.as("key"), "duration_seconds"])
    .where("duration_seconds", "is not", null);
  const { rows } = await sql<MeasuredRow>`
    select key::text as "group", outcome, count::integer as count, 0 as timed, 0::float8 as seconds,
      null::float8 as median, false as overall
    from ${counted} as counted
    union all
    select key::text, null, 0, count(*)::integer, sum(duration_seconds)::float8,
      percentile_cont(0.5) within group (order by duration_seconds), grouping(key) = 1
    from ${timed} as timed
    group by grouping sets ((key), ())`.execute(db);
  const labels = "periods" in grouping ? grouping.periods.labels : null;
  const named = rows.map((row) => ({
    ...row,
    group: row.group === null || labels === null ? row.group : labelOf(labels, row.group),
  }));
  return {
    // Of no interactions at all there is a median, which is null, and counts as one of nothing.
    cells: named.filter(({ median, count }) => median === null && count > 0),
    durations: named.flatMap(({ median, ...row }) => (median === null ? [] : [{ ...row, median }])),
  };
}

/** Where clocks or the calendar skip a period, nothing is in it, and the next one begins with it. */
function labelOf(labels: readonly string[], place: string): string {
  const label = labels[Number(place) - 1];
  if (label === undefined) throw new Error(`an interaction is in period ${place}, which is none`);
  return label;
}

function keyOf(grouping: Grouping): RawBuilder<unknown> {
  // A third of the time that it takes to tell the local date of each.
  if ("periods" in grouping) {
    return sql`width_bucket(occurred_at, ${grouping.periods.starts}::timestamptz[])`;
  }
  switch (grouping.groupBy) {
    case "type":
      return sql`type`;
    case "user":
      return sql`user_id`;
    case "outcome":
      return sql`outcome`;
    case "direction":
      return sql`direction`;
  }
}

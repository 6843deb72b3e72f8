import { kyselyOn } from "@crm/platform/kysely-on";
import { measure } from "../../crm-svc/src/interactions/metrics/queries.ts";
import type { GroupBy } from "../../crm-svc/src/interactions/metrics/schema.ts";
import type { DB } from "../../crm-svc/src/tables.gen.ts";
import { listTimeline } from "../../crm-svc/src/timeline/queries.ts";
import { wanted } from "../../crm-svc/src/timeline/rules.ts";

/** A statement of the service's, to be run without it. */
export interface Statement {
  readonly name: string;
  /** Finds one row: how many there were. All of each is made, as the service has it. */
  readonly text: string;
  readonly parameters: readonly string[];
  /** Whether the service has it planned for its parameters, every time. */
  readonly planEach: boolean;
}

/** Where to run it: with the tenant that the policies ask for, and planned as the service has it. */
export function urlFor(appUrl: string, tenantId: string, planEach: boolean): string {
  const mode = planEach ? " -c plan_cache_mode=force_custom_plan" : "";
  return `${appUrl}&options=${encodeURIComponent(`-c app.tenant_id=${tenantId}${mode}`)}`;
}

/** What is looked back at. */
export interface LookBack {
  readonly tenantId: string;
  readonly contactId: string;
  readonly from: Date;
  readonly to: Date;
}

/** The statements as the service sends them: its own functions build them, and nothing is run. */
export async function statementsOf(
  { tenantId, contactId, from, to }: LookBack,
  groupings: readonly GroupBy[],
) {
  const timeline = (types: readonly string[] | undefined) =>
    built("timeline", false, (db) => {
      const visible = { interactionsOf: "everybody's", leadsOf: "everybody's" } as const;
      const filter = { ...wanted(types), from: undefined, to: undefined };
      return listTimeline(
        db,
        { tenantId, contactId, ownedBy: null, visible },
        filter,
        25,
        undefined,
      );
    });
  const report = (groupBy: GroupBy) =>
    built(`report by ${groupBy}`, true, (db) =>
      measure(db, { tenantId, ownedBy: null }, { from, to }, grouping(groupBy)),
    );
  const grouping = (groupBy: GroupBy) => {
    if (groupBy !== "day" && groupBy !== "week" && groupBy !== "month") return { groupBy };
    const starts: Date[] = [];
    for (let at = startOf(from, groupBy); at < to; at = next(at, groupBy)) starts.push(at);
    return { periods: { starts, labels: starts.map((start) => start.toISOString()) } };
  };
  return {
    timeline: await timeline(undefined),
    timelineOfSms: await timeline(["sms"]),
    reports: new Map(
      await Promise.all(
        groupings.map(async (groupBy) => [groupBy, await report(groupBy)] as const),
      ),
    ),
  };
}

type Database = ReturnType<typeof kyselyOn<DB>>;
type Query = Parameters<Parameters<typeof kyselyOn>[0]>[0];

export async function built(
  name: string,
  planEach: boolean,
  run: (db: Database) => Promise<unknown>,
): Promise<Statement> {
  const sent: Query[] = [];
  await run(
    kyselyOn<DB>(async (query) => {
      sent.push(query);
      return { rows: [], rowCount: 0, command: "", oid: 0, fields: [] };
    }),
  );
  const [query] = sent;
  if (query === undefined) throw new Error(`${name} sends nothing`);
  return {
    name,
    text: `select count(result) from (${query.sql}) as result`,
    parameters: query.parameters.map(written),
    planEach,
  };
}

/** As text, as pg sends it. */
function written(parameter: unknown): string {
  if (parameter instanceof Date) return parameter.toISOString();
  return Array.isArray(parameter) ? `{${parameter.map(written).join(",")}}` : String(parameter);
}

/** In UTC, which is the tenant's time zone. */
function startOf(moment: Date, period: "day" | "week" | "month"): Date {
  const day = period === "month" ? 1 : moment.getUTCDate();
  return new Date(Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth(), day));
}

function next(moment: Date, period: "day" | "week" | "month"): Date {
  const later = new Date(moment);
  if (period === "month") later.setUTCMonth(later.getUTCMonth() + 1);
  else later.setUTCDate(later.getUTCDate() + (period === "day" ? 1 : 7));
  return later;
}

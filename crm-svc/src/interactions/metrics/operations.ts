import { read } from "../../services.ts";
import { rowFilter } from "../operations.ts";
import { EARLIEST, MAX_TASK_AHEAD_MS } from "../schema.ts";
import * as queries from "./queries.ts";
import { figuresOf } from "./rules.ts";
import { metrics, metricsInput } from "./schema.ts";

/**
 * How many interactions there were, how long they took, and how they ended. Deleted ones do not count;
 * with the scope `own`, only the caller's do. Days, weeks and months are those of the company's time zone.
 */
export const getMetrics = read({
  name: "interactions.metrics",
  access: "reports:read",
  input: metricsInput,
  output: metrics,
  planEach: true,
  async run({ db, actor, ownerOnly }, { groupBy, ...given }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    const filter = await rowFilter(db, actor, given);
    const timeZone = await queries.findTimeZone(db, tenantId);
    const measure = async (): Promise<queries.Measured> => {
      if (groupBy !== "day" && groupBy !== "week" && groupBy !== "month") {
        return queries.measure(db, reach, filter, { groupBy });
      }
      const span = { from: bounded(filter.from), to: bounded(filter.to) };
      const periods = await queries.findPeriods(db, tenantId, span, groupBy, timeZone);
      const [first] = periods.starts;
      const end = periods.starts.at(-1);
      if (first === undefined || end === undefined) return { cells: [], durations: [] };
      // What is logged meanwhile, before or behind all that there was, is in none of the periods.
      const within = { ...filter, from: span.from ?? first, to: span.to ?? end };
      return queries.measure(db, reach, within, { periods });
    };
    return { groupBy, timeZone, ...figuresOf(await measure()) };
  },
});

/** No interaction is earlier or later than that; ten thousand years of days would take minutes. */
function bounded(moment: Date | undefined): Date | undefined {
  if (moment === undefined) return undefined;
  const latest = Date.now() + MAX_TASK_AHEAD_MS;
  return new Date(Math.min(Math.max(moment.getTime(), EARLIEST), latest));
}

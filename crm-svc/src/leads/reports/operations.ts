import { read } from "../../services.ts";
import { countLeads, findForecast, findTimeZone } from "./queries.ts";
import { cohortsOf, figuresOf, funnelOf } from "./rules.ts";
import { leadMetrics, metricsInput } from "./schema.ts";

/**
 * What becomes of leads. All but the forecast is about those made in the period, as they are now; deleted
 * ones never count, and with the scope `own` only those assigned to the caller do.
 *
 * - conversion rate: won of all; win rate: won of those won or lost;
 * - cycle: days from creation to winning, median and 90th percentile (interpolated), of the won ones;
 * - funnel: leads that have ever been in a stage or in a later one;
 * - cohorts: by month of creation, how many were won in that month, the next, and so on;
 * - forecast: all open leads with a value, by the month that they are expected to close in: weighted by
 *   their probabilities, if all are won, and if only those are that are at least 75 % likely.
 *
 * Months are those of the company's time zone.
 */
export const getMetrics = read({
  name: "leads.metrics",
  access: "reports:read",
  input: metricsInput,
  output: leadMetrics,
  planEach: true,
  async run({ db, actor, ownerOnly }, { groupBy, from, to }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const timeZone = await findTimeZone(db, actor.tenantId);
    const [{ cells, cycles }, forecast] = await Promise.all([
      countLeads(db, reach, { from, to }, { groupBy, timeZone }),
      findForecast(db, reach, timeZone),
    ]);
    const funnel = funnelOf(cells);
    const cohorts = cohortsOf(cells);
    return { groupBy, timeZone, ...figuresOf(cells, cycles), funnel, cohorts, forecast };
  },
});

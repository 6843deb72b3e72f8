import type { Benchmark, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";
import { fillInteractions } from "./interactions/data.ts";
import { type Statement, statementsOf, urlFor } from "./interactions/statements.ts";
import { fillLeads } from "./leads/data.ts";
import type { Job } from "./load/generator.ts";
import { startGenerator } from "./load/start.ts";
import { showPlans } from "./plans.ts";
import { type Contender, contender, medians, ratios, runRounds } from "./rounds.ts";
import type { Server } from "./server.ts";
import { makeTenant } from "./tenant.ts";
import { underLoad } from "./under-load.ts";

const INTERACTIONS = Number(process.env["BENCH_INTERACTIONS"] ?? 1_000_000);
/** Of one and the same contact. */
const BUSIEST = INTERACTIONS / 10;
const LEADS = INTERACTIONS / 50;
const CONTACTS = 10_000;
const USERS = 25;
const ROUNDS = 3;
const TIMELINE_BOUNDS = { requests: 500, ms: 2_000 };
const METRICS_BOUNDS = { requests: 20, ms: 3_000 };
const GROUPINGS = ["type", "user", "outcome", "day", "month"] as const;
const YEAR_MS = 366 * 86_400_000;

/**
 * What it costs to look back: a page of the timeline of a contact with very many entries, and reports on a
 * year of interactions, at the port, against the very same SQL without anything around it. One request at
 * a time: a report takes as many cores as PostgreSQL gives it.
 */
export const interactions: Benchmark = {
  name: "interactions",
  description:
    `${INTERACTIONS} interactions of a year in one tenant, ${BUSIEST} of them with one contact, and ` +
    `${LEADS} leads; one request at a time; medians of ${ROUNDS} rounds (quartiles)`,
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  await using userSvc = await environment.startUserSvc();
  await using crmSvc = await environment.startCrmSvc(userSvc);
  await using generators = new AsyncDisposableStack();
  const { ownerUrl, appUrl } = environment.database;
  const { id: tenantId, accessToken } = await makeTenant(environment, userSvc, CONTACTS);
  const contactId = await fillInteractions(ownerUrl, tenantId, {
    interactions: INTERACTIONS,
    ofBusiestContact: BUSIEST,
    users: USERS,
  });
  // A timeline looks for the contact's among them.
  await fillLeads(ownerUrl, tenantId, { leads: LEADS, users: USERS });
  const to = new Date();
  const from = new Date(to.getTime() - YEAR_MS);
  const of = { tenantId, contactId, from, to };

  const loaded = (
    name: string,
    load: Job["load"],
    bounds: Job["bounds"],
    server?: Server,
  ): Contender => {
    const generator = generators.use(startGenerator());
    return contender(name, () =>
      underLoad(() => generator.run({ load, concurrency: 1, bounds }), server),
    );
  };
  const get = (path: string) => ({
    kind: "http" as const,
    origin: crmSvc.origin,
    requests: [{ path }],
    headers: { authorization: `Bearer ${accessToken}` },
  });
  const period = `from=${from.toISOString()}&to=${to.toISOString()}`;
  const timeline = `/v1/contacts/${contactId}/timeline?limit=25`;
  const statements = await statementsOf(of, GROUPINGS);
  // As the application's role, whom the policies bind.
  const raw = ({ text, parameters, planEach }: Statement) => ({
    kind: "sql" as const,
    databaseUrl: urlFor(appUrl, tenantId, planEach),
    poolSize: 1,
    text,
    parameters: [parameters],
  });

  const pairs = [
    {
      port: loaded("timeline page", get(timeline), TIMELINE_BOUNDS, crmSvc),
      sql: loaded("timeline page, raw SQL", raw(statements.timeline), TIMELINE_BOUNDS),
    },
    {
      port: loaded("timeline page of SMS", get(`${timeline}&type=sms`), TIMELINE_BOUNDS, crmSvc),
      sql: loaded("timeline page of SMS, raw SQL", raw(statements.timelineOfSms), TIMELINE_BOUNDS),
    },
    ...[...statements.reports].map(([groupBy, statement]) => ({
      port: loaded(
        statement.name,
        get(`/v1/interactions/metrics?groupBy=${groupBy}&${period}`),
        METRICS_BOUNDS,
        crmSvc,
      ),
      sql: loaded(`${statement.name}, raw SQL`, raw(statement), METRICS_BOUNDS),
    })),
  ];
  await runRounds(
    ROUNDS,
    pairs.flatMap(({ port, sql }) => [port, sql]),
  );
  await showPlans("interactions", urlFor(appUrl, tenantId, false), [
    statements.timeline,
    statements.timelineOfSms,
    ...statements.reports.values(),
  ]);
  return [
    ...pairs.flatMap(({ port, sql }) => [medians(port), medians(sql)]),
    ...pairs.map(({ port, sql }) => ratios(port, sql, ["p50", "p95"])),
  ];
}

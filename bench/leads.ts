import { findPipeline } from "../crm-svc/src/leads/pipeline/queries.ts";
import { countLeads, findForecast } from "../crm-svc/src/leads/reports/queries.ts";
import type { Benchmark, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";
import { built, type Statement, urlFor } from "./interactions/statements.ts";
import { fillLeads } from "./leads/data.ts";
import type { Job } from "./load/generator.ts";
import { startGenerator } from "./load/start.ts";
import { showPlans } from "./plans.ts";
import { type Contender, contender, medians, ratios, runRounds } from "./rounds.ts";
import type { Server } from "./server.ts";
import { makeTenant } from "./tenant.ts";
import { underLoad } from "./under-load.ts";

const LEADS = Number(process.env["BENCH_LEADS"] ?? 200_000);
const CONTACTS = 10_000;
const USERS = 25;
const ROUNDS = 3;
const BOUNDS = { requests: 40, ms: 5_000 };
const TIME_ZONE = "UTC";
const HALF_A_YEAR_MS = 183 * 86_400_000;

/**
 * What the pipeline and the report on leads cost at the port, against the very same SQL without anything
 * around it. One request at a time. The report is made of two statements, which the service asks at once.
 */
export const leads: Benchmark = {
  name: "leads",
  description:
    `${LEADS} leads of two years in one tenant, with four states each; one request at a time; ` +
    `medians of ${ROUNDS} rounds (quartiles)`,
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  await using userSvc = await environment.startUserSvc();
  await using crmSvc = await environment.startCrmSvc(userSvc);
  await using generators = new AsyncDisposableStack();
  const { ownerUrl, appUrl } = environment.database;
  const { id: tenantId, accessToken } = await makeTenant(environment, userSvc, CONTACTS);
  await fillLeads(ownerUrl, tenantId, { leads: LEADS, users: USERS });
  const reach = { tenantId, ownedBy: null };
  const then = new Date(Date.now() - HALF_A_YEAR_MS);
  const always = { from: undefined, to: undefined };

  const loaded = (name: string, load: Job["load"], server?: Server): Contender => {
    const generator = generators.use(startGenerator());
    return contender(name, () =>
      underLoad(() => generator.run({ load, concurrency: 1, bounds: BOUNDS }), server),
    );
  };
  const port = (name: string, path: string) =>
    loaded(
      name,
      {
        kind: "http",
        origin: crmSvc.origin,
        requests: [{ path }],
        headers: { authorization: `Bearer ${accessToken}` },
      },
      crmSvc,
    );
  // As the application's role, whom the policies bind.
  const databaseUrl = urlFor(appUrl, tenantId, true);
  const raw = ({ name, text, parameters }: Statement) =>
    loaded(`${name}, raw SQL`, {
      kind: "sql",
      databaseUrl,
      poolSize: 1,
      text,
      parameters: [parameters],
    });

  const statements = {
    now: await built("pipeline", true, (db) => findPipeline(db, reach, undefined, undefined)),
    past: await built("pipeline of half a year ago", true, (db) =>
      findPipeline(db, reach, undefined, then),
    ),
    bySource: await built("report by source", true, (db) =>
      countLeads(db, reach, always, { groupBy: "source", timeZone: TIME_ZONE }),
    ),
    byMonth: await built("report by month", true, (db) =>
      countLeads(db, reach, always, { groupBy: "month", timeZone: TIME_ZONE }),
    ),
    forecast: await built("forecast", true, (db) => findForecast(db, reach, TIME_ZONE)),
  };
  const pairs = [
    [port("pipeline", "/v1/leads/pipeline"), raw(statements.now)],
    [
      port("pipeline of half a year ago", `/v1/leads/pipeline?asOf=${then.toISOString()}`),
      raw(statements.past),
    ],
    [port("report by source", "/v1/leads/metrics?groupBy=source"), raw(statements.bySource)],
    [port("report by month", "/v1/leads/metrics?groupBy=month"), raw(statements.byMonth)],
  ] as const;
  const forecast = raw(statements.forecast);
  await runRounds(ROUNDS, [...pairs.flat(), forecast]);
  await showPlans("leads", databaseUrl, Object.values(statements));
  return [
    ...pairs.flat().map(medians),
    medians(forecast),
    ...pairs.map(([one, other]) => ratios(one, other, ["p50", "p95"])),
  ];
}

import type { Benchmark, Figures, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";
import { contender, medians, ratios, runRounds } from "./rounds.ts";
import type { Server } from "./server.ts";

const ROUNDS = 5;
const IDLE_MS = 5_000;
const COMPARED = ["ready", "idle memory"];

export const startup: Benchmark = {
  name: "startup",
  description:
    `From the start of the process to GET /ready, and resident memory ${IDLE_MS / 1_000} s later ` +
    `without a request; ${ROUNDS} rounds. Medians of the rounds (quartiles).`,
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  // crm-svc is ready only when it reaches user-svc.
  await using neighbour = await environment.startUserSvc();
  const userSvc = contender("user-svc", () => measure(environment.startUserSvc()));
  const crmSvc = contender("crm-svc", () => measure(environment.startCrmSvc(neighbour)));
  const bare = contender("bare Hono and pg", () => measure(environment.startPeer("bare")));
  const contenders = [userSvc, crmSvc, bare];
  await runRounds(ROUNDS, contenders);
  return [
    ...contenders.map(medians),
    ratios(userSvc, bare, COMPARED),
    ratios(crmSvc, bare, COMPARED),
  ];
}

async function measure(starting: Promise<Server>): Promise<Figures> {
  await using server = await starting;
  await Bun.sleep(IDLE_MS);
  const bytes = await server.residentBytes();
  return {
    ready: { value: server.readyMs, unit: "ms" },
    ...(bytes !== undefined && { "idle memory": { value: bytes / 2 ** 20, unit: "MiB" } }),
  };
}

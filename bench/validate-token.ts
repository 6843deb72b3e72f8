import type { Benchmark, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";
import type { GrpcLoad } from "./load/grpc.ts";
import { startGenerator } from "./load/start.ts";
import { type Contender, contender, medians, ratios, runRounds } from "./rounds.ts";
import { makeTenant } from "./tenant.ts";
import { underLoad } from "./under-load.ts";

const COMPANIES = 10;
const CONCURRENCY = 16;
const ROUNDS = 11;
/** More requests than anything here answers in the time. */
const BOUNDS = { requests: 100_000, ms: 2_000 };

/**
 * What it costs to tell whom a token stands for, beyond what any call over gRPC costs: the signature,
 * the session and its user in PostgreSQL, and an answer with all that the role may do.
 */
export const validateToken: Benchmark = {
  name: "validate-token",
  description:
    `ValidateToken over gRPC of one of ${COMPANIES} companies' admins, at random; closed loop, ` +
    `${CONCURRENCY} in flight; medians of ${ROUNDS} rounds of ${BOUNDS.ms / 1_000} s (quartiles); ` +
    "CPU is processor time for each call",
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  await using userSvc = await environment.startUserSvc("bench/peers/user-svc.ts");
  await using generators = new AsyncDisposableStack();
  const tokens: { readonly token: string }[] = [];
  for (let company = 0; company < COMPANIES; company++) {
    const { accessToken } = await makeTenant(environment, userSvc, 0, `bench-${company}`);
    tokens.push({ token: accessToken });
  }

  /** Each has a generator of its own, whose compiled code is for nothing else. */
  const called = (
    name: string,
    method: GrpcLoad["method"],
    messages: GrpcLoad["messages"],
  ): Contender => {
    const generator = generators.use(startGenerator());
    const { origin } = userSvc;
    const load = { kind: "grpc", origin, method, messages, headers: {} } as const;
    const job = { load, concurrency: CONCURRENCY, bounds: BOUNDS };
    return contender(name, () => underLoad(() => generator.run(job), userSvc));
  };

  const validating = called("ValidateToken", "validateToken", tokens);
  const empty = called("an empty method", "empty", [{}]);
  const contenders = [validating, empty];
  await runRounds(ROUNDS, contenders);
  return [
    ...contenders.map(medians),
    ratios(validating, empty, ["throughput", "p50", "p99", "server CPU"]),
  ];
}

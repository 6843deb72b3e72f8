import { availableParallelism } from "node:os";
import { withClient } from "../tools/local/database.ts";
import type { Benchmark, Figures, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";
import type { HttpLoad } from "./load/http.ts";
import { type Generator, startGenerator } from "./load/start.ts";
import { contender, medians, ratios, runRounds } from "./rounds.ts";
import { makeTenant, type Tenant } from "./tenant.ts";
import { underLoad } from "./under-load.ts";

const COST = 12;
const USERS = 20;
/** From one address user-svc tries four sign-ins at once: enough for every core here. */
const SIGNING_IN = 4;
/** Some 180 requests a second: enough for a p99, and little beside what is measured. */
const LOOKING = { concurrency: 2, restMs: 10 };
const ROUNDS = 5;
const MS = 3_000;
/** More requests than anything here answers in the time. */
const REQUESTS = 100_000;

/**
 * How much of what the cores can hash is left to those who sign in, and what all others notice of it.
 * Only one of them works at a time: the generators and user-svc wait while bare bcrypt runs.
 */
export const login: Benchmark = {
  name: "login",
  description:
    `Sign-in with a password of cost ${COST}, ${SIGNING_IN} in flight, against as many checks of such a ` +
    `password as there are cores; and GET /v1/users/me, ${LOOKING.concurrency} in flight with a rest of ` +
    `${LOOKING.restMs} ms, by itself and meanwhile; medians of ${ROUNDS} rounds of ${MS / 1_000} s ` +
    "(quartiles)",
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  await using userSvc = await environment.startUserSvc();
  await using generators = new AsyncDisposableStack();
  const tenant = await makeTenant(environment, userSvc, 0);
  const emails = await addUsers(environment, tenant);
  const { slug, password, accessToken } = tenant;

  const start = (): Generator => generators.use(startGenerator());
  const { origin } = userSvc;
  const signIns: HttpLoad = {
    kind: "http",
    origin,
    requests: emails.map((email) => ({
      path: "/v1/auth/login",
      body: { tenant: slug, email, password },
    })),
    headers: {},
  };
  const looks: HttpLoad = {
    kind: "http",
    origin,
    requests: [{ path: "/v1/users/me" }],
    headers: { authorization: `Bearer ${accessToken}` },
  };
  const [signingIn, looking, hashing] = [start(), start(), start()];
  const bounds = { requests: REQUESTS, ms: MS };
  const signIn = () => signingIn.run({ load: signIns, concurrency: SIGNING_IN, bounds });
  const look = () => {
    const { concurrency, restMs } = LOOKING;
    return looking.run({ load: looks, concurrency, bounds: { ...bounds, restMs } });
  };
  const hash = () => {
    const load = { kind: "bcrypt", cost: COST } as const;
    return hashing.run({ load, concurrency: availableParallelism(), bounds });
  };

  const login = contender("login", () => underLoad(signIn, userSvc));
  const bcrypt = contender("bare bcrypt", () => underLoad(hash, undefined));
  const quiet = contender("another route", () => underLoad(look, userSvc));
  const busy = contender("another route, meanwhile", async (): Promise<Figures> => {
    const signedIn = signIn();
    const figures = await underLoad(look, undefined);
    await signedIn;
    return figures;
  });
  const contenders = [login, bcrypt, quiet, busy];
  await runRounds(ROUNDS, contenders);
  return [
    ...contenders.map(medians),
    ratios(login, bcrypt, ["throughput"]),
    ratios(busy, quiet, ["p50", "p95", "p99"]),
  ];
}

/** Adds users with the admin's password. Gives their e-mail addresses. */
async function addUsers({ database }: Environment, tenant: Tenant): Promise<string[]> {
  return withClient(database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ email: string }>(ADD_USERS, [tenant.id, USERS]);
    return rows.map(({ email }) => email);
  });
}

const ADD_USERS = `
  insert into identity.users (tenant_id, user_id, email, full_name, role, password_hash)
  select tenant_id, gen_random_uuid(), 'user-' || n || '@bench.example', 'User ' || n, 'sales', password_hash
  from identity.users, generate_series(1, $2) as n
  where tenant_id = $1
  returning email`;

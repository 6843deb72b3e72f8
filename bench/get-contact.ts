import type { Benchmark, Row } from "./benchmark.ts";
import { type Environment, POOL_SIZE } from "./environment.ts";
import type { Job } from "./load/generator.ts";
import { startGenerator } from "./load/start.ts";
import { SELECT_CONTACT } from "./peers/select-contact.ts";
import { type Contender, contender, medians, ratios, runRounds } from "./rounds.ts";
import type { Server } from "./server.ts";
import { makeTenant } from "./tenant.ts";
import { underLoad } from "./under-load.ts";

const CONTACTS = 10_000;
const CONCURRENCY = 16;
const ROUNDS = 9;
/** More requests than anything here answers in the time. */
const BOUNDS = { requests: 500_000, ms: 2_000 };
const COMPARED = ["throughput", "p50", "p99", "server CPU"];

/**
 * What it costs that a contact is read through everything: authentication (cached, as nearly always),
 * permission, row-level security, log, metrics and the shared port.
 *
 * All processes share the machine's cores, so throughput depends on how many there are. The processor
 * time of a request does not.
 */
export const getContact: Benchmark = {
  name: "get-contact",
  description:
    `GET of one of ${CONTACTS} contacts, at random; closed loop, ${CONCURRENCY} in flight, ` +
    `${POOL_SIZE} database connections; medians of ${ROUNDS} rounds of ${BOUNDS.ms / 1_000} s ` +
    "(quartiles); CPU is processor time for each request",
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  await using userSvc = await environment.startUserSvc();
  await using crmSvc = await environment.startCrmSvc(userSvc);
  await using bareServer = await environment.startPeer("bare");
  await using helloServer = await environment.startPeer("hello");
  await using generators = new AsyncDisposableStack();
  const {
    id: tenantId,
    accessToken,
    contactIds,
  } = await makeTenant(environment, userSvc, CONTACTS);

  /** Each has a generator of its own, whose compiled code is for nothing else. */
  const loaded = (name: string, load: Job["load"], server?: Server): Contender => {
    const generator = generators.use(startGenerator());
    const job = { load, concurrency: CONCURRENCY, bounds: BOUNDS };
    return contender(name, () => underLoad(() => generator.run(job), server));
  };
  const get = (origin: string, path: string, headers: Record<string, string> = {}) => ({
    kind: "http" as const,
    origin,
    requests: contactIds.map((id) => ({ path: path + id })),
    headers,
  });
  const authorization = `Bearer ${accessToken}`;

  const rest = loaded("REST", get(crmSvc.origin, "/v1/contacts/", { authorization }), crmSvc);
  const plain = loaded(
    "REST on HTTP_PORT",
    get(crmSvc.httpOrigin, "/v1/contacts/", { authorization }),
    crmSvc,
  );
  const grpc = loaded(
    "gRPC",
    {
      kind: "grpc",
      origin: crmSvc.origin,
      method: "getContact",
      messages: contactIds.map((id) => ({ id })),
      headers: { authorization },
    },
    crmSvc,
  );
  const bare = loaded(
    "bare Hono and pg",
    get(bareServer.origin, `/tenants/${tenantId}/contacts/`),
    bareServer,
  );
  const prepared = loaded("prepared reads", {
    kind: "sql",
    databaseUrl: environment.database.ownerUrl,
    poolSize: POOL_SIZE,
    text: SELECT_CONTACT,
    parameters: contactIds.map((id) => [tenantId, id]),
  });
  // Shows how far the generator's own limit is above all that it measures.
  const hello = loaded("hello", get(helloServer.origin, "/"), helloServer);

  const contenders = [rest, plain, grpc, bare, prepared, hello];
  await runRounds(ROUNDS, contenders);
  return [
    ...contenders.map(medians),
    ratios(rest, bare, COMPARED),
    ratios(rest, prepared, COMPARED),
    ratios(rest, plain, COMPARED),
    ratios(grpc, rest, COMPARED),
    ratios(hello, rest, COMPARED),
  ];
}

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Seconds. From a cached read to the default deadline. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** The same for what nobody waits for. */
const JOB_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/**
 * What the labels hold. Of each there are few values: none is made of what a client, a user or a tenant
 * has sent, named or is called, since each new value costs memory until the process ends.
 */
export const LABELS = {
  method: "of HTTP, or of a call to another service",
  route:
    "the pattern, such as `/v1/contacts/:id`, never the path; `/*` where there is no such route",
  status: "of HTTP",
  procedure: "such as `crm.v1.ContactService/GetContact`",
  protocol: "`connect`, `grpc` or `grpc-web`",
  code: "of Connect, or `ok`",
  cache: "its name",
  outcome: "how it ended",
  peer: "the name of the other service",
  address: "of the other service, for as long as its name stands for it",
  limit: "its name",
  event: "a name of [events](events.md)",
  reason: "a word of the few that the event has, or empty",
  dependency: "as `/ready` names it",
  statement: "what it does and to what, such as `insert crm.contacts`, read from its text",
  state: "see there",
  command: "of Redis",
  task: "a job's name; with `@schedule`, what adds it where it is due",
} as const;

/** The value, if it is one of those that there are; else `other`, so that a label never has more. */
export function oneOf(values: readonly string[], value: unknown): string {
  return values.find((known) => known === value) ?? "other";
}

/** What a service measures of itself, for `GET /metrics`. */
export interface Metrics {
  readonly registry: Registry;
  /** Has something measured before each scrape. It must be quick, and must not throw. */
  beforeScrape(measure: () => void | Promise<void>): void;
  /** The answer to `GET /metrics`. */
  scrape(): Promise<string>;
  /** Labels: method, route (the pattern, never the path), status. */
  readonly http: Histogram<"method" | "route" | "status">;
  /** Labels: procedure (`crm.v1.ContactService/GetContact`), protocol, code. */
  readonly rpc: Histogram<"procedure" | "protocol" | "code">;
  /** Labels: cache, outcome (`hit`, `miss`). */
  readonly cache: Counter<"cache" | "outcome">;
  /** Labels: cache. */
  readonly cacheEntries: Gauge<"cache">;
  /** Labels: peer (a service that this one calls), method, code. One call is all of its tries. */
  readonly peerCalls: Histogram<"peer" | "method" | "code">;
  /** Labels: peer, outcome (`made`, or `withheld` because the retry budget was spent). */
  readonly peerRetries: Counter<"peer" | "outcome">;
  /** Labels: peer, address. 0 closed (in use), 1 open (dropped), 2 half open (being probed). */
  readonly peerBreakers: Gauge<"peer" | "address">;
  /** Labels: limit (its name). */
  readonly limitRefusals: Counter<"limit">;
  /** Labels: event, reason (of a few words, or empty). */
  readonly securityEvents: Counter<"event" | "reason">;
  /** Labels: outcome (`heard`; `malformed` and ignored; `missed`, perhaps, while not connected). */
  readonly revocations: Counter<"outcome">;
  /** Labels: event (its name). */
  readonly businessEvents: Counter<"event">;
  readonly ready: Gauge;
  /** Labels: dependency. */
  readonly dependencies: Gauge<"dependency">;
  /** Labels: statement (see `statementName`). */
  readonly statements: Histogram<"statement">;
  /** Labels: state (`idle`, `busy`). */
  readonly connections: Gauge<"state">;
  readonly mostConnections: Gauge;
  readonly connectionWaiters: Gauge;
  /** Labels: command, outcome (`ok`, `failed`). */
  readonly redisCommands: Histogram<"command" | "outcome">;
  /** Labels: task, outcome (`done`, `failed`, `failed_for_good`, `handed_back`). */
  readonly jobRuns: Histogram<"task" | "outcome">;
  /** Labels: task, state (`waiting`, `later`, `running`, `failed`). Of all processes; one tells. */
  readonly queuedJobs: Gauge<"task" | "state">;
  /** Labels: task. */
  readonly queueLag: Gauge<"task">;
}

export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const measures: (() => void | Promise<void>)[] = [];
  return {
    registry,
    beforeScrape: (measure) => void measures.push(measure),
    async scrape() {
      await Promise.all(measures.map((measure) => measure()));
      return registry.metrics();
    },
    http: new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from a request's arrival to the end of its answer, REST only",
      labelNames: ["method", "route", "status"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    rpc: new Histogram({
      name: "rpc_duration_seconds",
      help: "Time from a call's arrival to the end of its answer, Connect, gRPC-Web and gRPC",
      labelNames: ["procedure", "protocol", "code"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    cache: new Counter({
      name: "cache_lookups_total",
      help: "Look-ups in a cache of this process: hit or miss",
      labelNames: ["cache", "outcome"],
      registers,
    }),
    cacheEntries: new Gauge({
      name: "cache_entries",
      help: "Entries in a cache of this process",
      labelNames: ["cache"],
      registers,
    }),
    peerCalls: new Histogram({
      name: "peer_call_duration_seconds",
      help: "Time of a call to another service, from its first try to its outcome",
      labelNames: ["peer", "method", "code"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    peerRetries: new Counter({
      name: "peer_retries_total",
      help: "Second and third tries of calls to another service: made, or withheld to spare it",
      labelNames: ["peer", "outcome"],
      registers,
    }),
    peerBreakers: new Gauge({
      name: "peer_breaker_state",
      help: "Circuit breaker of an address of another service: 0 closed, 1 open, 2 half open",
      labelNames: ["peer", "address"],
      registers,
    }),
    limitRefusals: new Counter({
      name: "rate_limit_refusals_total",
      help: "Requests that were refused because a limit was reached",
      labelNames: ["limit"],
      registers,
    }),
    securityEvents: new Counter({
      name: "security_events_total",
      help: "Sign-ins, refusals and changes that a security reviewer asks for",
      labelNames: ["event", "reason"],
      registers,
    }),
    revocations: new Counter({
      name: "revocations_total",
      help: "Messages that something signed in is so no more: heard, malformed, or perhaps missed",
      labelNames: ["outcome"],
      registers,
    }),
    businessEvents: new Counter({
      name: "business_events_total",
      help: "What was changed, once it was committed; an import counts each of its contacts",
      labelNames: ["event"],
      registers,
    }),
    ...openDependencyMetrics(registry),
    ...openJobMetrics(registry),
  };
}

type Opened<Name extends keyof Metrics> = Pick<Metrics, Name>;

function openDependencyMetrics(
  registry: Registry,
): Opened<
  | "ready"
  | "dependencies"
  | "statements"
  | "connections"
  | "mostConnections"
  | "connectionWaiters"
  | "redisCommands"
> {
  const registers = [registry];
  return {
    ready: new Gauge({
      name: "service_ready",
      help: "1 if /ready answers 200, else 0",
      registers,
    }),
    dependencies: new Gauge({
      name: "dependency_up",
      help: "1 if what the service stands on is there, else 0",
      labelNames: ["dependency"],
      registers,
    }),
    statements: new Histogram({
      name: "database_statement_duration_seconds",
      help: "Time from sending a statement to its result, without the wait for a connection",
      labelNames: ["statement"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    connections: new Gauge({
      name: "database_connections",
      help: "Connections to PostgreSQL in the pool: idle or busy",
      labelNames: ["state"],
      registers,
    }),
    mostConnections: new Gauge({
      name: "database_connections_max",
      help: "The most connections that the pool may have",
      registers,
    }),
    connectionWaiters: new Gauge({
      name: "database_connection_waiters",
      help: "Who waits for a connection of the pool",
      registers,
    }),
    redisCommands: new Histogram({
      name: "redis_command_duration_seconds",
      help: "Time of a command to Redis: ok, or failed, be it for being late",
      labelNames: ["command", "outcome"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
  };
}

function openJobMetrics(registry: Registry): Opened<"jobRuns" | "queuedJobs" | "queueLag"> {
  const registers = [registry];
  return {
    jobRuns: new Histogram({
      name: "job_duration_seconds",
      help: "Time of a run of a job: done, failed, failed_for_good, or handed_back by a process that stops",
      labelNames: ["task", "outcome"],
      buckets: JOB_BUCKETS,
      registers,
    }),
    queuedJobs: new Gauge({
      name: "job_queue_jobs",
      help: "Jobs in the queue of all processes: waiting, for later, running, or failed for good; one of the processes tells",
      labelNames: ["task", "state"],
      registers,
    }),
    queueLag: new Gauge({
      name: "job_queue_lag_seconds",
      help: "How long the oldest of the waiting jobs waits; told by the same process",
      labelNames: ["task"],
      registers,
    }),
  };
}

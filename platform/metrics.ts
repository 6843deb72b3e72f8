import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Seconds. From a cached read to the default deadline. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** What a service measures of itself, for `GET /metrics`. */
export interface Metrics {
  readonly registry: Registry;
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
}

export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
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
      help: "Look-ups in a cache of this process",
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
      help: "Second and third tries of calls to another service",
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
      help: "Messages that something signed in is so no more",
      labelNames: ["outcome"],
      registers,
    }),
  };
}

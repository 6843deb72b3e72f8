import { setTimeout as sleep } from "node:timers/promises";
import { type CallOptions, Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult } from "cockatiel";
import type { Logger } from "pino";
import type { Metrics } from "./metrics.ts";

/** Tries that fail one after the other, with none between them that was answered. */
const FAULTS_TO_OPEN = 5;
/** Between probes of an address that was dropped, a quarter more or less. */
const PROBE_INTERVAL_MS = 1_000;
const PROBE_TIMEOUT_MS = 1_000;
/** A peer that was given less time than this cannot be blamed for using it up. */
const FAIR_MS = 500;
/** A connection in use that does not answer a PING is closed, and one not used for long is tried first. */
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 2_000;
/** The default of gRPC; Connect's is 4 GiB. */
const MAX_MESSAGE_BYTES = 4 << 20;

/**
 * How a try ended: with what was asked for, with an error that the peer answered, or with a fault of
 * the peer or of the way to it.
 */
export type Attempt<T> =
  | { readonly value: T }
  | { readonly answer: ConnectError }
  | { readonly fault: ConnectError };

export interface Bounds {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Asks a peer for something, for the sake of being answered. */
export type Probe = (transport: Transport, options: CallOptions) => Promise<unknown>;

export interface EndpointOptions {
  /** The peer's name in metrics and logs. */
  readonly peer: string;
  readonly probe: Probe;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** One address of a peer: a connection behind a circuit breaker. */
export interface Endpoint {
  /** Whether calls may go there. */
  usable(): boolean;
  /**
   * Makes one try. Throws a ConnectError only for what says nothing of the peer: the caller's own
   * cancellation, or a deadline too short for any peer.
   */
  attempt<T>(run: (transport: Transport) => Promise<T>, bounds: Bounds): Promise<Attempt<T>>;
  /** Forgets the address: no more probes, no more metrics. Tries that are under way go on. */
  drop(): void;
  /** The same, and ends the connection with all tries that are under way. */
  close(): void;
}

/**
 * Opens an address such as `http://10.1.2.3:8080`; it connects with the first call. Five faults in a
 * row open the breaker. From then on it is probed about once a second, by one probe at a time and
 * never by a caller's call, each time over a new connection, since the old one may be the trouble.
 * The first probe that is answered closes the breaker.
 */
export function openEndpoint(address: string, options: EndpointOptions): Endpoint {
  const { peer, metrics, log } = options;
  const labels = { peer, address };
  let connection = connect(address);
  let dropped = false;
  let recovering = false;

  const breaker = circuitBreaker(handleWhenResult(isFault), {
    breaker: new ConsecutiveBreaker(FAULTS_TO_OPEN),
    // `recover` keeps the time.
    halfOpenAfter: 0,
  });
  metrics.peerBreakers.set(labels, breaker.state);
  breaker.onStateChange((state) => {
    if (!dropped) metrics.peerBreakers.set(labels, state);
  });
  breaker.onReset(() => log.info({ event: "peer_back", ...labels }));
  breaker.onBreak((reason) => {
    // Also called for each probe that fails.
    if (recovering) return;
    recovering = true;
    const fault = "value" in reason && isFault(reason.value) ? reason.value.fault : undefined;
    log.warn({ event: "peer_away", ...labels, err: fault });
    void recover();
  });

  async function recover(): Promise<void> {
    while (breaker.state !== CircuitState.Closed && !dropped) {
      await sleep(PROBE_INTERVAL_MS * (0.75 + Math.random() / 2), undefined, { ref: false });
      // It refuses if the clock was set back meanwhile; then the next round will do.
      await breaker.execute(probeAnew).catch(() => {});
    }
    recovering = false;
  }

  async function probeAnew(): Promise<Attempt<unknown>> {
    const candidate = connect(address);
    const bounds = { timeoutMs: PROBE_TIMEOUT_MS };
    const attempt = await judge(options.probe(candidate.transport, bounds), bounds);
    if (isFault(attempt)) candidate.session.abort();
    else connection = candidate;
    return attempt;
  }

  function drop(): void {
    dropped = true;
    metrics.peerBreakers.remove(labels);
  }

  return {
    usable: () => breaker.state === CircuitState.Closed,
    attempt: (run, bounds) => breaker.execute(() => judge(run(connection.transport), bounds)),
    drop,
    close() {
      drop();
      connection.session.abort();
    },
  };
}

function connect(baseUrl: string) {
  const session = new Http2SessionManager(baseUrl, {
    pingIntervalMs: PING_INTERVAL_MS,
    pingTimeoutMs: PING_TIMEOUT_MS,
    // Not `pingIdleConnection`: connect-node 2.2.0 then pings a connection that was destroyed with a
    // call under way, which throws where nobody can catch it and ends the process.
  });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: session,
    readMaxBytes: MAX_MESSAGE_BYTES,
  });
  return { session, transport };
}

async function judge<T>(call: Promise<T>, { timeoutMs, signal }: Bounds): Promise<Attempt<T>> {
  try {
    return { value: await call };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    if (signal?.aborted) throw error;
    switch (error.code) {
      case Code.DeadlineExceeded:
        if (timeoutMs < FAIR_MS) throw error;
        return { fault: error };
      case Code.Unavailable:
      // Not by us: Connect's word for a connection that breaks in mid-call.
      case Code.Canceled:
        return { fault: error };
      default:
        // Without any headers there was no answer, but a reset or something that is no HTTP/2.
        return error.metadata.has("content-type") ? { answer: error } : { fault: error };
    }
  }
}

function isFault(attempt: unknown): attempt is { readonly fault: ConnectError } {
  return typeof attempt === "object" && attempt !== null && "fault" in attempt;
}

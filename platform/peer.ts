import { lookup } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { DescMethodUnary } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { type Endpoint, type EndpointOptions, openEndpoint } from "./endpoint.ts";

const MAX_TRIES = 3;
/** A try that may be repeated is not waited for longer than this. */
const TRY_TIMEOUT_MS = 1_000;
const DEFAULT_TIMEOUT_MS = 3_000;
/** The longest wait before the second try, doubled before the third; how long of it is random. */
const BACKOFF_MS = 50;
/** gRFC A6, with its own example's numbers: in the long run one retry for ten calls that succeed. */
const RETRY_TOKENS = 10;
const RETRY_TOKENS_A_SUCCESS = 0.1;
const RESOLVE_INTERVAL_MS = 5_000;

export interface PeerOptions extends EndpointOptions {
  /** Where the peer answers gRPC. A name may stand for several addresses. */
  readonly urls: readonly string[];
  /** Methods that may be asked again although their proto does not say that they change nothing. */
  readonly repeatable: readonly DescMethodUnary[];
  /** From a URL to those of its addresses. */
  readonly resolve?: (url: string) => Promise<readonly string[]>;
}

export interface PeerTransport extends Transport {
  /** Looks no more names up, probes no more, and closes the connections: no call can be made then. */
  close(): void;
}

/** One call as it is tried. */
interface Call<T> {
  readonly run: (transport: Transport, timeoutMs: number) => Promise<T>;
  readonly repeatable: boolean;
  /** As `performance.now()` has it. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Calls another service by gRPC, for `createClient`; unary methods only.
 *
 * A call goes to the next of the peer's addresses whose breaker is closed (see `openEndpoint`), and
 * fails at once with `unavailable` if there is none. What only reads, or is `repeatable`, is tried up
 * to three times, after a random wait and at another address if there is one, as long as all the
 * calls together have not spent the retry budget.
 *
 * All of it ends by the call's `timeoutMs` (three seconds without), and each try carries what is
 * left of it as its own. `signal` cancels at the peer too.
 *
 * Resolves once it has looked the names up, which it repeats every five seconds until it is closed.
 */
export async function peerTransport(options: PeerOptions): Promise<PeerTransport> {
  const { peer, urls, metrics, log, resolve = addressesOf } = options;
  const repeatable = new Set<unknown>(options.repeatable);
  const resolved = new Map<string, readonly string[]>();
  const endpoints = new Map<string, Endpoint>();
  const budget = retryBudget();
  let turn = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  async function refresh(): Promise<void> {
    await Promise.all(
      urls.map(async (url) => {
        try {
          resolved.set(url, await resolve(url));
        } catch (error) {
          // Those that are known already stay in use.
          if (!resolved.has(url)) log.warn({ event: "peer_not_resolved", peer, url, err: error });
        }
      }),
    );
    if (closed) return;
    const addresses = new Set([...resolved.values()].flat());
    for (const [address, endpoint] of endpoints) {
      if (addresses.has(address)) continue;
      endpoint.drop();
      endpoints.delete(address);
    }
    for (const address of addresses) {
      if (!endpoints.has(address)) endpoints.set(address, openEndpoint(address, options));
    }
    // Only now, so that slow look-ups do not pile up.
    timer = setTimeout(refresh, RESOLVE_INTERVAL_MS).unref();
  }

  /** Round robin over those in use; over those not tried yet, if there are any. */
  function next(tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    const usable = [...endpoints.values()].filter((endpoint) => endpoint.usable());
    const untried = usable.filter((endpoint) => !tried.has(endpoint));
    const choice = untried.length > 0 ? untried : usable;
    return choice[turn++ % choice.length];
  }

  async function complete<T>({ run, repeatable, deadline, signal }: Call<T>): Promise<T> {
    const tried = new Set<Endpoint>();
    let fault = new ConnectError(`no address of ${peer} answers`, Code.Unavailable);
    for (let tries = 1; ; tries++) {
      const endpoint = next(tried);
      if (endpoint === undefined) throw fault;
      if (tries > 1) metrics.peerRetries.inc({ peer, outcome: "made" });
      tried.add(endpoint);
      const left = deadline - performance.now();
      // Whole, as gRPC writes it, and not zero, which Connect takes for no timeout at all.
      const timeoutMs = Math.max(Math.floor(repeatable ? Math.min(left, TRY_TIMEOUT_MS) : left), 1);
      const attempt = await endpoint.attempt((transport) => run(transport, timeoutMs), {
        timeoutMs,
        signal,
      });
      if (!("fault" in attempt)) {
        budget.succeeded();
        if ("answer" in attempt) throw attempt.answer;
        return attempt.value;
      }
      fault = attempt.fault;
      const affordable = budget.failed();
      const wait = Math.random() * BACKOFF_MS * 2 ** (tries - 1);
      if (!repeatable || tries === MAX_TRIES || performance.now() + wait >= deadline) throw fault;
      if (!affordable) {
        metrics.peerRetries.inc({ peer, outcome: "withheld" });
        throw fault;
      }
      await sleep(wait, undefined, signal && { signal });
    }
  }

  await refresh();

  return {
    close() {
      closed = true;
      clearTimeout(timer);
      for (const endpoint of endpoints.values()) endpoint.close();
      endpoints.clear();
    },

    async unary(method, signal, timeoutMs = DEFAULT_TIMEOUT_MS, ...request) {
      const started = performance.now();
      const observe = (code: string): void => {
        const seconds = (performance.now() - started) / 1_000;
        metrics.peerCalls.observe({ peer, method: method.name, code }, seconds);
      };
      try {
        const answer = await complete({
          run: (transport, left) => transport.unary(method, signal, left, ...request),
          repeatable:
            method.idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN || repeatable.has(method),
          deadline: started + timeoutMs,
          signal,
        });
        observe("ok");
        return answer;
      } catch (thrown) {
        const error = ConnectError.from(thrown);
        observe(codeToString(error.code));
        throw error;
      }
    },
    async stream(method) {
      throw new ConnectError(`${method.name} streams, which is not done here`, Code.Unimplemented);
    },
  };
}

/**
 * The addresses that a URL's name stands for now. Over TLS that is the URL itself, because the
 * certificate is for the name.
 */
export async function addressesOf(url: string): Promise<readonly string[]> {
  const { protocol, hostname, port, origin } = new URL(url);
  if (protocol === "https:") return [origin];
  const found = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true });
  return found.map(({ address, family }) => {
    const host = family === 6 ? `[${address}]` : address;
    return `http://${host}:${port || 80}`;
  });
}

/** A token bucket that all calls to a peer share, so that retries cannot multiply its load. */
function retryBudget() {
  let tokens = RETRY_TOKENS;
  return {
    succeeded(): void {
      tokens = Math.min(tokens + RETRY_TOKENS_A_SUCCESS, RETRY_TOKENS);
    },
    /** Whether a retry may follow. */
    failed(): boolean {
      tokens = Math.max(tokens - 1, 0);
      return tokens > RETRY_TOKENS / 2;
    },
  };
}

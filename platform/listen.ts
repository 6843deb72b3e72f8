import http, { STATUS_CODES } from "node:http";
import type { Server } from "bun";
import { type Client, ipAddress, MAX_HEAD_BYTES } from "./connection.ts";
import { asFailure, Failure, malformed } from "./errors.ts";
import { type Http2Handler, serveHttp2 } from "./http2-server.ts";
import { problem, problemParts } from "./problem.ts";
import { LOOPBACK, openSplicePort, type SpliceLimits, type SplicePort } from "./splice.ts";

export type { Client };

/** What the shared port bears. */
export interface ListenLimits extends SpliceLimits {
  /** Largest body over HTTP/1.1, in bytes; a larger one is answered with 413. */
  readonly maxBodyBytes: number;
}

export const DEFAULT_LIMITS: ListenLimits = {
  headMs: 10_000,
  // Longer than load balancers keep idle connections (60 s), so that they close first.
  idleMs: 75_000,
  http2IdleMs: 300_000,
  maxConnections: 10_000,
  maxBodyBytes: 1 << 30,
};

/**
 * How long clients of HTTP/2 have to hear that they are to go elsewhere, or half the grace if that is
 * less. Those that heard are gone at once; a busy machine may take more than a second to.
 */
const NOTICE_MS = 5_000;

export interface ListenOptions {
  /** The shared port; 0 takes any free one. */
  readonly port: number;
  /** One more port, for HTTP/1.1 alone, that Bun serves without anything in front. */
  readonly httpPort?: number;
  /** Address to listen on; all interfaces if absent, IPv4 and IPv6 where there is IPv6. */
  readonly hostname?: string;
  /** Answers a request over HTTP/1.1. */
  readonly fetch: (request: Request, client: Client) => Response | Promise<Response>;
  /** Answers a stream of HTTP/2. */
  readonly http2: Http2Handler;
  readonly limits?: Partial<ListenLimits>;
}

export interface Listener {
  readonly port: number;
  readonly httpPort?: number;
  /**
   * From now on the connection of each answer over HTTP/1.1 is closed after it, so that clients open
   * their next one somewhere else before this port closes: a connection that is closed while idle may
   * meet a request that is on its way.
   */
  drain(): void;
  /**
   * Stops accepting, closes idle connections, lets requests in flight end (HTTP/2 clients are told
   * by GOAWAY), and after `graceMs` cuts the rest. Resolves when everything is closed.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens on one port for HTTP/1.1, served by Bun.serve, and for HTTP/2 with prior knowledge, served
 * by node:http2, which has the trailers that gRPC needs; both without TLS. `openSplicePort` tells
 * connections apart, passes them on and times them out.
 *
 * The servers behind it listen on loopback ports, which other processes of the machine can reach: a
 * connection that did not come through the shared port is refused.
 *
 * `httpPort` has Bun.serve's own rules: a head must be complete within `headMs`, a body must come
 * with 16 KiB/s, nothing may pause for `idleMs` (each rounded up to 4 s); a client that pipelines or
 * half-closes is dropped, and connections are not counted. `close` finds its silent connections only
 * when the grace is over.
 *
 * Throws an error with code `EADDRINUSE` if a port is in use.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  // Of the whole process, and 16 KiB unless it is told (bun run --max-http-header-size); Bun takes the
  // assignment, though Node's types know of none. The one byte more is never reached.
  Reflect.set(http, "maxHeaderSize", MAX_HEAD_BYTES + 1);
  let closing = false;
  await using opened = new AsyncDisposableStack();

  async function answer(request: Request, client: Client): Promise<Response> {
    // A Host that makes no URL (RFC 9112 §3.2), on which every handler would stumble.
    if (!URL.canParse(request.url))
      return refusal(malformed("invalid_host", "The Host header must name a host."));
    const response = await options.fetch(request, client);
    if (closing) response.headers.set("connection", "close");
    return response;
  }

  const http1 = serveHttp1(LOOPBACK, 0, limits, (request, server) => {
    const peer = server.requestIP(request);
    const client = front.arrived("http1", peer?.address, peer?.port);
    if (!client) {
      return refusal(new Failure("forbidden", "internal_port", "Use the service's own port."));
    }
    // Off, because Bun would drop an upload slower than 16 KiB/s; the shared port has its rules.
    server.timeout(request, 0);
    return answer(request, client);
  });
  opened.defer(() => http1.stop(true));

  const http2 = await serveHttp2(options.http2, limits.headMs, () => front);
  opened.defer(() => http2.stop());

  const { httpPort } = options;
  const plain =
    httpPort === undefined
      ? undefined
      : bind(options.hostname, httpPort, (hostname) =>
          serveHttp1(hostname, httpPort, limits, (request, server) => {
            server.timeout(request, seconds(limits.idleMs));
            const peer = server.requestIP(request);
            return answer(request, { address: ipAddress(peer?.address ?? "") });
          }),
        );
  opened.defer(() => plain?.stop(true));

  const front: SplicePort = bind(options.hostname, options.port, (hostname) =>
    openSplicePort({
      hostname,
      port: options.port,
      http1Port: http1.port ?? 0,
      http2Port: http2.port,
      headTooLarge,
      limits,
    }),
  );

  const servers = opened.move();
  return {
    port: front.port,
    ...(plain?.port !== undefined && { httpPort: plain.port }),
    drain() {
      closing = true;
    },
    async close(graceMs) {
      closing = true;
      const told = http2.goAway(Math.min(NOTICE_MS, graceMs / 2));
      const cut = setTimeout(() => plain?.stop(true), graceMs);
      await Promise.all([front.close(graceMs), plain?.stop()]);
      clearTimeout(cut);
      clearTimeout(told);
      await servers.disposeAsync();
    },
  };
}

function serveHttp1(
  hostname: string,
  port: number,
  limits: ListenLimits,
  fetch: (request: Request, server: Server<undefined>) => Response | Promise<Response>,
): Server<undefined> {
  return Bun.serve({
    hostname,
    port,
    fetch,
    development: false,
    idleTimeout: seconds(limits.headMs),
    maxRequestBodySize: limits.maxBodyBytes,
    error(error) {
      process.emitWarning(error);
      return refusal(asFailure(error));
    },
  });
}

/**
 * Runs `open` with the address to listen on. Without one that is all interfaces, of IPv4 alone where
 * the machine has no IPv6.
 */
function bind<Bound>(
  hostname: string | undefined,
  port: number,
  open: (hostname: string) => Bound,
): Bound {
  try {
    return open(hostname ?? "::");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EADDRINUSE") {
      const message = `Port ${port} is in use. Stop the process that listens there, or choose another port.`;
      throw Object.assign(new Error(message, { cause }), { code });
    }
    if (hostname !== undefined) throw cause;
    return bind("0.0.0.0", port, open);
  }
}

/** What the listener itself answers, where no handler can. */
function refusal(failure: Failure): Response {
  const response = problem(failure, Bun.randomUUIDv7());
  response.headers.set("connection", "close");
  return response;
}

/** The same where there is no server yet, as HTTP/1.1 writes it. */
function headTooLarge(): Buffer {
  const failure = new Failure(
    "headTooLarge",
    "header_fields_too_large",
    `The request's head has more than ${MAX_HEAD_BYTES} bytes: send less in its headers.`,
  );
  const { status, headers, body } = problemParts(failure, Bun.randomUUIDv7());
  const fields = { ...headers, "content-length": Buffer.byteLength(body), connection: "close" };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(
    [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, "", body].join("\r\n"),
  );
}

/** Bun.serve counts in whole seconds, at most 255. */
function seconds(ms: number): number {
  return Math.min(Math.ceil(ms / 1_000), 255);
}

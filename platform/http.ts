import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { type ConnectRouter, cors as connectCors } from "@connectrpc/connect";
import {
  type UniversalServerRequest,
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { routePath } from "hono/route";
import type { Logger } from "pino";
import { asFailure, Failure } from "./errors.ts";
import { sendHttp2 } from "./http2-response.ts";
import type { Metrics } from "./metrics.ts";
import { problem } from "./problem.ts";
import { type RequestOrigin, requestContext, requestOrigin, traceId } from "./request.ts";
import type { RestApp, RestEnv } from "./rest.ts";
import {
  type Binding,
  type CallOutcome,
  DEFAULT_TIMEOUT_MS,
  protocolOf,
  rpcHandlers,
} from "./rpc.ts";
import type { StreamBinding } from "./rpc-streams.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/** Paths that are asked every few seconds by machines and say nothing about the use. */
const UNLOGGED = new Set(["/health", "/ready", "/metrics"]);
const UNLOGGED_SERVICE = "grpc.health.v1.Health/";

export interface HttpOptions<Services> {
  readonly services: Services;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Origins of pages that may call from a browser. */
  readonly corsOrigins: readonly string[];
  readonly trustedHops: number;
  /** Adds the service's routes. */
  readonly routes: (app: RestApp<Services>) => void;
  readonly bindings: readonly (Binding<Services> | StreamBinding<Services>)[];
  /** See `rpcHandlers`. */
  readonly standard?: (router: ConnectRouter) => void;
}

/** Answers requests of every protocol; what carries them is `listen`'s to know. */
export interface HttpHandlers {
  readonly fetch: (request: Request, peer: string) => Promise<Response>;
  readonly http2: (
    request: Http2ServerRequest,
    response: Http2ServerResponse,
    peer: string,
  ) => void;
}

export function httpHandlers<Services>(options: HttpOptions<Services>): HttpHandlers {
  const { services, log, metrics, trustedHops } = options;
  const app = restApp(options);
  const rpc = rpcHandlers({
    services,
    bindings: options.bindings,
    ...(options.standard && { standard: options.standard }),
    log,
    observe: (outcome) => observeCall(log, metrics, outcome),
  });

  async function call(path: string, request: UniversalServerRequest, peer: string) {
    const handler = rpc.get(path);
    if (handler === undefined) throw new Error(`${path} is not one of the calls`);
    return handler(request, requestOrigin(request.header, peer, trustedHops));
  }

  const rpcApp = new Hono<{ Bindings: { readonly peer: string } }>();
  rpcApp.use(crossOrigin(options.corsOrigins));
  rpcApp.all("*", async (c) => {
    const request = universalServerRequestFromFetch(c.req.raw, { httpVersion: "1.1" });
    return universalServerResponseToFetch(await call(c.req.path, request, c.env.peer));
  });
  options.routes(app);

  async function fetch(request: Request, peer: string): Promise<Response> {
    const called = rpc.has(new URL(request.url).pathname);
    return (called ? rpcApp : app).fetch(request, { peer });
  }

  return {
    fetch,
    http2(nodeRequest, nodeResponse, peer) {
      const request = universalRequestFromNodeRequest(
        nodeRequest,
        nodeResponse,
        undefined,
        undefined,
      );
      const path = new URL(request.url).pathname;
      // Only a browser needs CORS, and no browser speaks gRPC, which alone needs trailers.
      const direct = rpc.has(path) && (!request.header.has("origin") || isGrpc(request.header));
      const answer = direct
        ? call(path, request, peer)
        : overHttp2(request, (each) => fetch(each, peer));
      answer
        .then((response) => sendHttp2(response, nodeResponse))
        .catch((error: unknown) => log.debug({ err: error }, "the client went away"));
    },
  };
}

/** The REST side: request context, CORS, errors, one log line, one observation. */
function restApp<Services>(options: HttpOptions<Services>): RestApp<Services> {
  const { services, log, metrics } = options;
  const app: RestApp<Services> = new Hono<RestEnv<Services>>();

  app.use(async (c, next) => {
    const started = performance.now();
    const origin = requestOrigin(c.req.raw.headers, c.env.peer, options.trustedHops);
    const deadline = Date.now() + DEFAULT_TIMEOUT_MS;
    const { signal } = c.req.raw;
    c.set("request", requestContext(origin, { services, log, deadline, signal }));
    // Before, because changing a finished response costs Hono and Bun a copy of its headers.
    c.header("x-request-id", origin.requestId);
    await next();
    // The route that answered; the last of those that match may be another, as /v1/contacts/:id is.
    const route = routePath(c);
    const seconds = (performance.now() - started) / 1_000;
    metrics.http.observe({ method: c.req.method, route, status: c.res.status }, seconds);
    if (UNLOGGED.has(route)) return;
    const { actor } = c.get("request");
    log.info({
      event: "request",
      ...originFields(origin),
      method: c.req.method,
      route,
      status: c.res.status,
      tenantId: actor?.tenantId,
      userId: actor?.userId,
      ms: Math.round(seconds * 1e5) / 100,
    });
  });

  app.use(crossOrigin(options.corsOrigins));

  app.notFound((c) => {
    const allowed = allowedMethods(app, c.req.path);
    if (allowed.length > 0) {
      const message = `${c.req.path} knows only ${allowed.join(", ")}.`;
      const failure = new Failure("methodNotAllowed", "method_not_allowed", message);
      const response = problem(failure, c.get("request").requestId);
      // RFC 9110, section 15.5.6.
      response.headers.set("allow", allowed.join(", "));
      return response;
    }
    const message = `There is nothing at ${c.req.method} ${c.req.path}.`;
    return problem(new Failure("notFound", "no_such_route", message), c.get("request").requestId);
  });

  app.onError((thrown, c) => {
    const failure = asFailure(thrown);
    const { requestId } = c.get("request");
    if (failure.kind === "internal" || failure.kind === "unavailable") {
      logFailure(log, failure, c.get("request"));
    }
    return problem(failure, requestId);
  });

  return app;
}

/** The methods that a path has routes for; middleware, which is for all of them, does not count. */
function allowedMethods<Services>(app: RestApp<Services>, path: string): string[] {
  return METHODS.filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
}

/** Lets pages of the listed origins call, and read what the contract puts into headers. */
function crossOrigin(origins: readonly string[]): MiddlewareHandler {
  const answer = cors({
    origin: [...origins],
    allowMethods: METHODS,
    allowHeaders: [
      ...connectCors.allowedHeaders,
      "Authorization",
      "If-Match",
      "Idempotency-Key",
      "X-Request-Id",
      "Traceparent",
    ],
    exposeHeaders: [
      ...connectCors.exposedHeaders,
      "ETag",
      "Location",
      "Retry-After",
      "RateLimit",
      "RateLimit-Policy",
      "X-Request-Id",
      "Idempotency-Replayed",
    ],
    maxAge: 600,
  });
  // Other programs send no Origin, and they are most. What they get may not be cached for pages, so a
  // route whose answer may be cached says `vary: origin` itself.
  return (c, next) => (c.req.raw.headers.has("origin") ? answer(c, next) : next());
}

function isGrpc(headers: Headers): boolean {
  return protocolOf(headers.get("content-type")) === "grpc";
}

/** Runs a fetch handler for a request that node:http2 received. */
async function overHttp2(
  request: UniversalServerRequest,
  fetch: (request: Request) => Promise<Response>,
) {
  // Bun 1.4.5 takes a method that it does not know for GET. TRACE it knows, and no route has it.
  const known = [...METHODS, "HEAD", "OPTIONS"].includes(request.method);
  const hasBody = known && request.method !== "GET" && request.method !== "HEAD";
  // Only Connect's JSON adapters put anything else there, and this one does not.
  const bytes = request.body as AsyncIterable<Uint8Array>;
  const response = await fetch(
    new Request(request.url, {
      method: known ? request.method : "TRACE",
      headers: request.header,
      signal: request.signal,
      ...(hasBody && { body: bytes }),
    }),
  );
  return {
    status: response.status,
    header: response.headers,
    ...(response.body && { body: response.body }),
  };
}

function originFields({ requestId, traceparent, clientAddress }: RequestOrigin) {
  return { requestId, traceId: traceId(traceparent), clientAddress };
}

/** A bug or a dependency that is away: what the client was not told. */
function logFailure(log: Logger, failure: Failure, origin: RequestOrigin): void {
  const level = failure.kind === "internal" ? "error" : "warn";
  log[level]({
    event: "failure",
    ...originFields(origin),
    code: failure.code,
    err: failure.cause ?? failure,
  });
}

function observeCall<Services>(log: Logger, metrics: Metrics, call: CallOutcome<Services>): void {
  const { procedure, protocol, code, origin, context, failure, seconds } = call;
  metrics.rpc.observe({ procedure, protocol, code }, seconds);
  if (failure && (failure.kind === "internal" || failure.kind === "unavailable")) {
    logFailure(log, failure, origin);
  }
  if (procedure.startsWith(UNLOGGED_SERVICE)) return;
  log.info({
    event: "call",
    ...originFields(origin),
    procedure,
    protocol,
    code,
    tenantId: context?.actor?.tenantId,
    userId: context?.actor?.userId,
    ms: Math.round(seconds * 1e5) / 100,
  });
}

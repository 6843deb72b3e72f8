import type { Logger } from "pino";
import { parseAddress } from "./address.ts";
import type { RequestContext } from "./context.ts";

/** Where a request comes from and what it belongs to, read from its headers. */
export type RequestOrigin = Pick<
  RequestContext<unknown>,
  "requestId" | "traceparent" | "clientAddress" | "userAgent" | "token" | "idempotencyKey"
>;

/**
 * `peer` is the address at the other end of the connection; `trustedHops` how many proxies in front
 * of us are known to append to X-Forwarded-For. Whatever stands left of theirs is the client's own
 * invention.
 */
export function requestOrigin(headers: Headers, peer: string, trustedHops: number): RequestOrigin {
  const requestId = headers.get("x-request-id") ?? "";
  return {
    requestId: /^[\w.-]{8,128}$/.test(requestId) ? requestId : Bun.randomUUIDv7(),
    traceparent: continueTrace(headers.get("traceparent")),
    clientAddress: clientAddress(headers.get("x-forwarded-for"), peer, trustedHops),
    userAgent: headers.get("user-agent")?.slice(0, 512),
    token: bearerToken(headers.get("authorization")),
    idempotencyKey: headers.get("idempotency-key") ?? undefined,
  };
}

export function clientAddress(forwarded: string | null, peer: string, trustedHops: number): string {
  const hops = [...(forwarded ?? "").split(","), peer].map((hop) => hop.trim()).filter(Boolean);
  const hop = hops[Math.max(hops.length - 1 - trustedHops, 0)] ?? peer;
  // A proxy that writes `unknown` or a name leaves us with what we see ourselves.
  return parseAddress(hop) ?? parseAddress(peer) ?? peer;
}

/** Longer than any token of ours. What is longer is asked nobody about. */
const MAX_TOKEN_LENGTH = 4_096;

/** RFC 6750, section 2.1. What can be no token of ours: as if there were none. */
function bearerToken(authorization: string | null): string | undefined {
  const token = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization ?? "")?.[1];
  return token !== undefined && token.length <= MAX_TOKEN_LENGTH ? token : undefined;
}

/** W3C Trace Context: the caller's trace with a span of our own, or a new trace. */
function continueTrace(traceparent: string | null): string {
  const [, trace = randomHex(16), flags = "01"] =
    /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/.exec(traceparent ?? "") ??
    [];
  return `00-${trace}-${randomHex(8)}-${flags}`;
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}

export function traceId(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/** Completes an origin to what operations are given. */
export function requestContext<Services>(
  origin: RequestOrigin,
  rest: { services: Services; log: Logger; deadline: number; signal: AbortSignal },
): RequestContext<Services> {
  return { ...origin, ...rest, replayed: false, actor: undefined };
}

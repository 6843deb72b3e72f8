import { FAILURES, type Failure, retryHeaders } from "./errors.ts";

/** A failure as RFC 9457 writes it, with the members of the contract. */
export function problem(failure: Failure, requestId: string): Response {
  const { status, headers, body } = problemParts(failure, requestId);
  return new Response(body, { status, headers });
}

/** The same, for where there is no Response. */
export function problemParts(failure: Failure, requestId: string) {
  const { status, title } = FAILURES[failure.kind];
  const headers: Record<string, string> = {
    "content-type": "application/problem+json; charset=utf-8",
    "cache-control": "no-store",
    "x-request-id": requestId,
    ...(failure.kind === "unauthenticated" && { "www-authenticate": "Bearer" }),
    ...retryHeaders(failure),
  };
  const body = JSON.stringify({
    type: `/docs#${failure.code}`,
    title,
    status,
    detail: failure.message,
    code: failure.code,
    requestId,
    ...(failure.fields.length > 0 && { errors: failure.fields }),
    ...failure.facts,
  });
  return { status, headers, body };
}

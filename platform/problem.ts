import { FAILURES, type Failure, retryHeaders } from "./errors.ts";

/** A failure as RFC 9457 writes it, with the members of the contract. */
export function problem(failure: Failure, requestId: string): Response {
  const { status, title } = FAILURES[failure.kind];
  const headers = new Headers({
    "content-type": "application/problem+json; charset=utf-8",
    "cache-control": "no-store",
    ...retryHeaders(failure),
  });
  if (failure.kind === "unauthenticated") headers.set("www-authenticate", "Bearer");
  const body = {
    type: `/docs#${failure.code}`,
    title,
    status,
    detail: failure.message,
    code: failure.code,
    requestId,
    ...(failure.fields.length > 0 && { errors: failure.fields }),
    ...failure.facts,
  };
  return new Response(JSON.stringify(body), { status, headers });
}

import type { RequestContext } from "@crm/platform/context";
import { Failure } from "@crm/platform/errors";
import { openLog } from "@crm/platform/log";
import { requestContext, requestOrigin } from "@crm/platform/request";

const log = openLog("test", "error");

/** A request that just came in, with ten seconds to answer it, from a client that stays. */
export function newRequest(change: Partial<RequestContext<unknown>> = {}): RequestContext<unknown> {
  const context = requestContext<unknown>(requestOrigin(new Headers(), "127.0.0.1", 0), {
    services: undefined,
    log,
    deadline: Date.now() + 10_000,
    signal: new AbortController().signal,
  });
  return { ...context, ...change };
}

/**
 * What an operation fails with; null if it does not. (Not `expect(…).rejects`, under which Bun 1.4.5
 * lets a server in the same process answer too late.)
 */
export function failureOf(outcome: Promise<unknown>): Promise<unknown> {
  return outcome.then(
    () => null,
    (error: unknown) => error,
  );
}

/** What kind of failure it is; `none` if it is none. */
export async function kindOf(outcome: Promise<unknown>): Promise<string> {
  const error = await failureOf(outcome);
  return error instanceof Failure ? error.kind : String(error ?? "none");
}

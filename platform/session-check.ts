import type { AdmissionServices } from "./admission.ts";
import type { Actor, RequestContext } from "./context.ts";
import { unauthenticated } from "./errors.ts";

/** How often it is looked whether the caller's session still stands. */
const RECHECK_MS = 10_000;
/** What began before its token ran out may go on for so long. */
const AFTER_EXPIRY_MS = 3_600_000;

type Context = RequestContext<Pick<AdmissionServices, "authenticate">>;

/** Throws `unauthenticated` when the session has been ended. */
export async function recheck(context: Context, { expiresAt }: Actor): Promise<void> {
  if (Date.now() > expiresAt + AFTER_EXPIRY_MS || context.token === undefined) {
    throw unauthenticated();
  }
  if (Date.now() < expiresAt) await context.services.authenticate(context.token, context);
}

/** The same, to be called again and again: it looks every ten seconds. */
export function rechecking(context: Context, actor: Actor): () => Promise<void> {
  let checked = Date.now();
  return async () => {
    if (Date.now() - checked <= RECHECK_MS) return;
    await recheck(context, actor);
    checked = Date.now();
  };
}

/** A content as it comes. Throws `unauthenticated` at a chunk that comes after the session's end. */
export async function* whileStanding(
  context: Context,
  actor: Actor,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const check = rechecking(context, actor);
  for await (const chunk of content) {
    await check();
    yield chunk;
  }
}

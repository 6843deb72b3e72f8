import { createHash, createHmac } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { z } from "zod";
import type { AttributedChange, FailedChange } from "./change.ts";
import type { RequestContext } from "./context.ts";
import { Failure, malformed } from "./errors.ts";
import { seal, unseal } from "./seal.ts";

/** How long a repeated request gets the former answer. */
const KEPT = "24 hours";
const SEALED_FOR = "idempotent-answer";

/** A request as it is kept. What it says can be read by nobody but who sends all of it once more. */
export interface IdempotentRequest {
  readonly schema: string;
  readonly tenantId: string;
  readonly actorId: string;
  readonly keyHash: string;
  /** Of the operation's name and input: the same key with another one is a mistake. */
  readonly fingerprint: Buffer;
  /** What a secret answer is sealed under: to be stored nowhere. Null for an answer that is none. */
  readonly sealingKey: string | null;
}

/**
 * Keeps a request and its answer unreadable, also with a copy of the database: whoever knows
 * `serverSecret`, the key and the whole input can compare and unseal, and nobody else. Without
 * the secret, a password in the input could be guessed where a client's keys are not random.
 *
 * Throws `malformed` if the key has not the form of one.
 */
export function idempotentRequest(
  of: Pick<IdempotentRequest, "schema" | "tenantId" | "actorId"> & {
    readonly key: string;
    readonly secretOutput: boolean;
    readonly serverSecret: string;
  },
  name: string,
  input: unknown,
): IdempotentRequest {
  const { key, secretOutput, serverSecret, ...rest } = of;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw malformed(
      "invalid_idempotency_key",
      "Idempotency-Key must be 1 to 255 visible ASCII characters.",
    );
  }
  const request = createHmac("sha256", serverSecret)
    .update(JSON.stringify(["idempotent-request", key, name, input]))
    .digest("base64url");
  return {
    ...rest,
    keyHash: createHash("sha256").update(key).digest("base64url"),
    fingerprint: createHash("sha256").update(request).digest(),
    sealingKey: secretOutput ? request : null,
  };
}

/**
 * Makes a change once: a request that was answered before gets that answer again, and changes nothing.
 * Until the transaction ends the key is held: a second request with it, meanwhile, fails as
 * `inFlight`. A failure is not kept, so the request may be sent again.
 *
 * Throws `invalid` if the key was used for another request. But who shows no good credential is told
 * that and nothing else, as without a key: else it would tell, past all limits, which one is good.
 */
export async function once<Tables, Output>(
  tables: Kysely<Tables>,
  context: Pick<RequestContext<unknown>, "replayed">,
  request: IdempotentRequest,
  output: z.ZodType<Output>,
  change: () => Promise<AttributedChange<Output> | FailedChange>,
): Promise<AttributedChange<Output> | FailedChange> {
  const db = tables.withTables<never>();
  const former = await claimKey(db, request);
  if (former !== null && former.answer !== null) {
    context.replayed = true;
    const kept: unknown = JSON.parse(former.answer);
    // How the absence of an answer is kept, too.
    const absent = kept === null && !output.safeParse(null).success;
    return { output: output.parse(absent ? undefined : kept), actorId: null, audit: [] };
  }
  if (former !== null) return refuseReuse(change);
  const changed = await change();
  if ("failure" in changed) return changed;
  await keepAnswer(db, request, JSON.stringify(changed.output ?? null));
  return changed;
}

/** What was asked for with this key before; the answer (JSON) is null if it was something else. */
async function claimKey(
  db: Kysely<never>,
  request: IdempotentRequest,
): Promise<{ readonly answer: string | null } | null> {
  // Two statements: the second one's snapshot is younger than the lock, so it sees whatever the
  // former holder of the lock has committed.
  const [held, stored] = await Promise.all([holdKey(db, request), findKey(db, request)]);
  if (!held) {
    throw new Failure(
      "inFlight",
      "idempotency_key_in_flight",
      "A request with this Idempotency-Key is being worked on: wait for its answer, then repeat.",
      { retryAfter: 1 },
    );
  }
  if (stored === undefined) return null;
  if (!request.fingerprint.equals(stored.fingerprint)) return { answer: null };
  const { sealingKey } = request;
  if (sealingKey === null) return { answer: stored.response };
  return { answer: unseal(Buffer.from(stored.response, "base64"), sealingKey, SEALED_FOR) };
}

/** Makes the change, to see whether the credential is good; what it changes is rolled back. */
async function refuseReuse(
  change: () => Promise<AttributedChange<unknown> | FailedChange>,
): Promise<FailedChange> {
  try {
    const changed = await change();
    if ("failure" in changed) return changed;
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.kind === "unauthenticated") throw thrown;
  }
  throw new Failure(
    "invalid",
    "idempotency_key_reused",
    "This Idempotency-Key was used for another request: use a new key for each request.",
  );
}

async function holdKey(db: Kysely<never>, request: IdempotentRequest): Promise<boolean> {
  const name = `${request.tenantId}/${request.actorId}/${request.keyHash}`;
  const { rows } = await sql<{ held: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as held`.execute(db);
  return rows[0]?.held === true;
}

async function findKey(
  db: Kysely<never>,
  request: IdempotentRequest,
): Promise<{ fingerprint: Buffer; response: string } | undefined> {
  const { rows } = await sql<{ fingerprint: Buffer; response: string }>`
    select request_hash as fingerprint, response
    from ${sql.table(`${request.schema}.idempotency_keys`)}
    where tenant_id = ${request.tenantId}::uuid and actor_id = ${request.actorId}::uuid
      and key = ${request.keyHash} and created_at > now() - ${KEPT}::interval`.execute(db);
  return rows[0];
}

/** Keeps the answer (JSON), in the transaction that it describes; drops the tenant's outdated ones. */
async function keepAnswer(
  db: Kysely<never>,
  request: IdempotentRequest,
  response: string,
): Promise<void> {
  const table = sql.table(`${request.schema}.idempotency_keys`);
  const { sealingKey } = request;
  const kept =
    sealingKey === null ? response : seal(response, sealingKey, SEALED_FOR).toString("base64");
  await sql`
    delete from ${table}
    where tenant_id = ${request.tenantId}::uuid and created_at <= now() - ${KEPT}::interval`.execute(
    db,
  );
  await sql`
    insert into ${table} (tenant_id, actor_id, key, request_hash, response)
    values (${request.tenantId}::uuid, ${request.actorId}::uuid, ${request.keyHash},
            ${request.fingerprint}, ${kept})`.execute(db);
}

import { createHash, createHmac } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { Failure, malformed } from "./errors.ts";
import { seal, unseal } from "./seal.ts";

/** How long a repeated request gets the former answer. */
const KEPT = "24 hours";
const SEALED_FOR = "idempotent-answer";

/** A request as it is kept. What it says can be read by nobody but who sends the key once more. */
export interface IdempotentRequest {
  readonly schema: string;
  readonly tenantId: string;
  readonly actorId: string;
  /** As the client sent it: to be stored nowhere. */
  readonly key: string;
  readonly keyHash: string;
  /** Of the operation's name and input: the same key with another one is a mistake. */
  readonly fingerprint: Buffer;
  /** Whether the answer holds what only this client may read. Then it is sealed under the key. */
  readonly secretOutput: boolean;
}

/** Throws `malformed` if the key has not the form of one. */
export function idempotentRequest(
  of: Pick<IdempotentRequest, "schema" | "tenantId" | "actorId" | "key" | "secretOutput">,
  name: string,
  input: unknown,
): IdempotentRequest {
  if (!/^[\x21-\x7e]{1,255}$/.test(of.key)) {
    throw malformed(
      "invalid_idempotency_key",
      "Idempotency-Key must be 1 to 255 visible ASCII characters.",
    );
  }
  return {
    ...of,
    keyHash: createHash("sha256").update(of.key).digest("base64url"),
    // Keyed: a plain hash of the input would let passwords in it be guessed, cheaper than by bcrypt.
    fingerprint: createHmac("sha256", of.key)
      .update(JSON.stringify([name, input]))
      .digest(),
  };
}

/**
 * The answer that was given to this key before, as JSON, or null if this is the first time. Until
 * the transaction ends the key is held: a second request with it, meanwhile, fails as in flight.
 *
 * Throws `inFlight`, and `invalid` if the key was used for another request.
 */
export async function claimKey(
  db: Kysely<never>,
  request: IdempotentRequest,
): Promise<string | null> {
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
  if (!request.fingerprint.equals(stored.fingerprint)) {
    throw new Failure(
      "invalid",
      "idempotency_key_reused",
      "This Idempotency-Key was used for another request: use a new key for each request.",
    );
  }
  return request.secretOutput
    ? unseal(Buffer.from(stored.response, "base64"), request.key, SEALED_FOR)
    : stored.response;
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
export async function keepAnswer(
  db: Kysely<never>,
  request: IdempotentRequest,
  response: string,
): Promise<void> {
  const table = sql.table(`${request.schema}.idempotency_keys`);
  const kept = request.secretOutput
    ? seal(response, request.key, SEALED_FOR).toString("base64")
    : response;
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

import { createHash } from "node:crypto";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type CallOptions,
  Code,
  ConnectError,
  createClient,
  type Transport,
} from "@connectrpc/connect";
import { UserService, type ValidateTokenResponse } from "@crm/proto/user/v1/user_pb";
import type { Logger } from "pino";
import type { Actor, RequestContext, Scope } from "./context.ts";
import { deadlineExceeded, Failure, unauthenticated, unavailable } from "./errors.ts";
import type { KeyValueStore } from "./keyvalue.ts";
import type { Metrics } from "./metrics.ts";
import { peerTransport } from "./peer.ts";
import { onRevocation, revokes } from "./revocation.ts";

/**
 * How long an answer is relied on, from the moment of asking. Longer would be wrong even while
 * messages come in: user-svc may have committed a revocation and died before announcing it, and
 * nobody can tell that silence from the usual one.
 */
const CACHE_TTL_MS = 5_000;
/** One more, and the answer that was asked for longest ago is forgotten: it would be the next to end. */
const MAX_CACHED = 10_000;
/** Different sets of permissions that are kept, of all tenants' roles. */
const MAX_PERMISSION_SETS = 1_000;
/** Of a request's time, what may go into learning who makes it. */
const CALL_TIMEOUT_MS = 3_000;

type Permissions = Actor["permissions"];

export interface IdentityClient {
  /**
   * Whom a token or an API key stands for. Throws `unauthenticated`; `unavailable`, at once, if
   * user-svc is away; `deadline` if the request ends first, by time or by its client's leaving.
   */
  authenticate(token: string, context: RequestContext<unknown>): Promise<Actor>;
  /** Resolves when user-svc answers; else throws. */
  ping(): Promise<void>;
  /** Ends its connections; to be called when nobody asks it any more. */
  stop(): Promise<void>;
}

/** What user-svc was asked about a token, once for all who want to know it. */
interface Validation {
  /** As `performance.now()` has it, which unlike the time of day is never set back. */
  readonly askedAt: number;
  /** When the call ends, in milliseconds since 1970: not after the first asker's deadline. */
  readonly deadline: number;
  readonly outcome: Promise<Actor>;
  /** The outcome, once it is there and good. */
  actor: Actor | undefined;
  waiting: number;
  /** Gives the call up. */
  readonly cancel: () => void;
}

/**
 * Asks user-svc about tokens, by gRPC (see `peerTransport`). An answer holds for five seconds at
 * most, until the token ends or a revocation is heard. Whoever brings a token that is being asked
 * about waits for the same answer; who leaves early does not end the call for the others, but the
 * last one cancels it.
 *
 * Resolves once the addresses of user-svc have been looked up.
 */
export async function identityClient(options: {
  readonly urls: readonly string[];
  readonly keyValue: KeyValueStore;
  readonly metrics: Metrics;
  readonly log: Logger;
}): Promise<IdentityClient> {
  const { urls, metrics, log } = options;
  const { validateToken } = UserService.method;
  const transport = await peerTransport({
    peer: "user-svc",
    urls,
    repeatable: [validateToken],
    probe: knock,
    metrics,
    log,
  });
  const users = createClient(UserService, transport);
  /** By the token's hash, so that the cache cannot give tokens away; in the order of asking. */
  const validations = new Map<string, Validation>();
  const share = sharedPermissions();

  function keep(key: string, validation: Validation): void {
    validations.delete(key);
    validations.set(key, validation);
    const [oldest = key] = validations.keys();
    if (validations.size > MAX_CACHED) validations.delete(oldest);
    count();
  }

  function forget(condition: (validation: Validation) => boolean): void {
    for (const [key, validation] of validations) if (condition(validation)) validations.delete(key);
    count();
  }

  function count(): void {
    metrics.cacheEntries.set({ cache: "tokens" }, validations.size);
  }

  onRevocation(options.keyValue, {
    revoked(revocation) {
      metrics.revocations.inc({ outcome: "heard" });
      // An answer that is still on its way may be older than this message.
      forget(({ actor }) => actor === undefined || revokes(revocation, actor));
    },
    missed() {
      metrics.revocations.inc({ outcome: "missed" });
      forget(() => true);
    },
    malformed: () => metrics.revocations.inc({ outcome: "malformed" }),
  });

  function find(key: string): Validation | undefined {
    const found = validations.get(key);
    if (found?.actor === undefined) return found;
    const holds =
      performance.now() < found.askedAt + CACHE_TTL_MS && Date.now() < found.actor.expiresAt;
    return holds ? found : undefined;
  }

  function ask(key: string, token: string, context: RequestContext<unknown>): Validation {
    const deadline = Math.min(context.deadline, Date.now() + CALL_TIMEOUT_MS);
    const call = new AbortController();
    const validation: Validation = {
      askedAt: performance.now(),
      deadline,
      outcome: validate(token, context, deadline, call.signal),
      actor: undefined,
      waiting: 0,
      cancel() {
        drop();
        call.abort();
      },
    };
    const drop = (): void => {
      if (validations.get(key) !== validation) return;
      validations.delete(key);
      count();
    };
    validation.outcome.then((actor) => {
      validation.actor = actor;
    }, drop);
    keep(key, validation);
    return validation;
  }

  async function validate(
    token: string,
    context: RequestContext<unknown>,
    deadline: number,
    signal: AbortSignal,
  ): Promise<Actor> {
    try {
      const answer = await users.validateToken(
        { token },
        {
          timeoutMs: Math.max(deadline - Date.now(), 1),
          signal,
          headers: { "x-request-id": context.requestId, traceparent: context.traceparent },
        },
      );
      return asActor(answer, share);
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      if (error.code === Code.Unauthenticated) throw unauthenticated(error);
      const outOfTime = error.code === Code.DeadlineExceeded && deadline === context.deadline;
      throw outOfTime ? deadlineExceeded(error) : unavailable("The user service", error);
    }
  }

  return {
    async authenticate(token, context) {
      const key = createHash("sha256").update(token).digest("base64");
      let validation = find(key);
      metrics.cache.inc({ cache: "tokens", outcome: validation === undefined ? "miss" : "hit" });
      for (;;) {
        validation ??= ask(key, token, context);
        if (validation.actor !== undefined) return validation.actor;
        try {
          return await join(validation, context);
        } catch (error) {
          // The time was up of whoever asked, but not ours: then it is asked again.
          const outlived = validation.deadline < context.deadline && isWaiting(context);
          if (!outlived || !(error instanceof Failure) || error.kind !== "deadline") throw error;
          validation = find(key);
        }
      }
    },
    async ping() {
      await knock(transport, {}).catch((error: unknown) => {
        if (ConnectError.from(error).code !== Code.Unauthenticated) throw error;
      });
    },
    async stop() {
      transport.close();
    },
  };
}

/** Any answer will do, and to an empty token there is one that costs nothing. */
function knock(transport: Transport, options: CallOptions): Promise<unknown> {
  return createClient(UserService, transport).validateToken({ token: "" }, options);
}

/** Waits for the outcome until the request ends. Throws `deadline` then. */
async function join(
  validation: Validation,
  { deadline, signal }: RequestContext<unknown>,
): Promise<Actor> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(deadlineExceeded(signal.reason));
  const timer = setTimeout(end, Math.max(deadline - Date.now(), 0));
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  validation.waiting++;
  try {
    return await Promise.race([validation.outcome, ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    validation.waiting--;
    if (validation.waiting === 0 && validation.actor === undefined) validation.cancel();
  }
}

function isWaiting({ deadline, signal }: RequestContext<unknown>): boolean {
  return Date.now() < deadline && !signal.aborted;
}

function asActor(
  answer: ValidateTokenResponse,
  share: (permissions: Permissions) => Permissions,
): Actor {
  const { kind, tenantId, userId, role, sessionId, expiresAt } = answer;
  const permissions = answer.permissions.map(
    ({ resource, action, scope }) => [`${resource}:${action}`, scopeOf(scope)] as const,
  );
  return {
    kind: kind === "apiKey" ? "apiKey" : "user",
    tenantId,
    userId,
    role,
    sessionId,
    secondFactorMissing: answer.secondFactorMissing,
    permissions: share(new Map(permissions)),
    // An API key may be without an end.
    expiresAt: expiresAt === undefined ? Number.POSITIVE_INFINITY : timestampMs(expiresAt),
  };
}

/** What is not clearly `all` is taken for the narrower one. */
function scopeOf(scope: string): Scope {
  return scope === "all" ? "all" : "own";
}

/**
 * Gives the same set for the same permissions. There are as many as roles, and without sharing them
 * 10,000 tokens of 40 permissions took 57 MB.
 */
function sharedPermissions(): (permissions: Permissions) => Permissions {
  const sets = new Map<string, Permissions>();
  return (permissions) => {
    const key = [...permissions].join();
    const known = sets.get(key);
    if (known !== undefined) return known;
    if (sets.size === MAX_PERMISSION_SETS) sets.clear();
    sets.set(key, permissions);
    return permissions;
  };
}

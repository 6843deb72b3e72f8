import type { Kysely } from "kysely";
import type { z } from "zod";
import { networkOf } from "./address.ts";
import { type AuditEntry, insertAuditEntries } from "./audit.ts";
import type { Actor, RequestContext, Scope } from "./context.ts";
import type { Database } from "./database.ts";
import { deadlineExceeded, Failure, unauthenticated } from "./errors.ts";
import { claimKey, idempotentRequest, keepAnswer } from "./idempotency.ts";
import { parseInput } from "./input.ts";
import type { Limit } from "./limits.ts";
import { limited, noted } from "./refusals.ts";
import type { SecurityEvent, SecurityEvents } from "./security-events.ts";

/** What operations need of the service that they belong to. */
export interface OperationServices<Tables> {
  readonly database: Database<Tables>;
  /** Who a bearer token stands for. Throws `unauthenticated` (always the same) or `unavailable`. */
  authenticate(token: string, context: RequestContext<unknown>): Promise<Actor>;
  /** By name. `session` is for whatever somebody who is signed in does. */
  readonly limits: { readonly session: Limit };
  readonly securityEvents: SecurityEvents<Tables>;
}

/**
 * What a caller must be: signed in by whatever credential, signed in as a person (`session`: no API
 * key; `anySession`: also one who must set up a second factor first), or of a role that may do this to
 * a resource.
 */
export type Access = "signedIn" | "session" | "anySession" | `${string}:${string}`;

/** Proof that the caller was let in; only `admit` makes it, and `run` asks for it. */
interface Admission {
  readonly actor: Actor | null;
  readonly scope: Scope;
}

/**
 * Something that the service does, once, for every transport. A transport first calls `admit`, which
 * needs no body, then reads the body and calls `run`.
 */
export interface Operation<Services, Output> {
  /** `contacts.create`: in logs and metrics. */
  readonly name: string;
  readonly access: Access | "anyone";
  readonly input: z.ZodType;
  readonly output: z.ZodType<Output>;
  /** Throws `unauthenticated` or `forbidden`. */
  admit(context: RequestContext<Services>): Promise<Admission>;
  /** Throws a Failure; whatever else it throws is a bug. */
  run(context: RequestContext<Services>, admission: Admission, input: unknown): Promise<Output>;
}

interface Definition<Input extends z.ZodType, Output> {
  readonly name: string;
  readonly input: Input;
  readonly output: z.ZodType<Output>;
}

/** What the body of a read or a write is given. */
export interface OperationScope<Services, Tables> {
  readonly context: RequestContext<Services>;
  /** The tenant's database: a reader, or the transaction of the write. */
  readonly db: Kysely<Tables>;
  readonly actor: Actor;
  /** The user whose rows alone may be touched, or null where the permission reaches all. */
  readonly ownerOnly: string | null;
}

/** A change cannot be returned without its traces; an empty list says that nothing changed. */
export interface Change<Output> {
  readonly output: Output;
  readonly audit: AuditEntry | readonly AuditEntry[];
  /** What a security reviewer asks for: kept with the change, and logged once it is committed. */
  readonly events?: readonly SecurityEvent[];
  /** What others must hear of it, once it is certain. It may be lost: the tables are the truth. */
  readonly afterCommit?: () => Promise<void>;
}

/** A change and the user who made it; null for what the service does by itself. */
export interface AttributedChange<Output> extends Change<Output> {
  readonly actorId: string | null;
}

/** Opens a tenant's transaction for an operation that nobody is signed in to yet. */
export type EnterTenant<Tables> = <Result>(
  tenantId: string,
  change: (db: Kysely<Tables>) => Promise<AttributedChange<Result>>,
) => Promise<Result>;

/**
 * The ways to define an operation of a service whose audit log and idempotency keys are in `schema`.
 * Each of them checks the caller, then the input, and gives the body a database that sees one tenant.
 */
export function operations<Tables, Services extends OperationServices<Tables>>(schema: string) {
  type Context = RequestContext<Services>;
  type LimitName = Exclude<keyof Services["limits"] & string, "session">;

  /** Looks at the tenant's rows; each statement by itself, and none can write. */
  function read<Input extends z.ZodType, Output>(
    definition: Definition<Input, Output> & {
      readonly access: Access;
      readonly run: (
        scope: OperationScope<Services, Tables>,
        input: z.output<Input>,
      ) => Promise<Output>;
    },
  ): Operation<Services, Output> {
    return operation(definition, async (context, { actor, scope }, input) => {
      if (actor === null) throw unauthenticated();
      const db = context.services.database.reader(boundsOf(actor.tenantId, context));
      return definition.run({ context, db, actor, ownerOnly: ownerOf(actor, scope) }, input);
    });
  }

  /**
   * Changes the tenant's rows, in one transaction with the audit entries and, if the request has an
   * idempotency key, with the answer to it. `run` may run again after a deadlock: no other effects.
   */
  function write<Input extends z.ZodType, Output, Prepared = undefined>(
    definition: Definition<Input, Output> & {
      readonly access: Access;
      /** Says that the answer holds a secret, which must not be kept for all to read. */
      readonly secretOutput?: true;
      /** What takes long, such as a password's hash: done before a connection is taken for it. */
      readonly prepare?: (
        scope: { readonly context: Context; readonly actor: Actor },
        input: z.output<Input>,
      ) => Promise<Prepared>;
      readonly run: (
        scope: OperationScope<Services, Tables>,
        input: z.output<Input>,
        prepared: Prepared,
      ) => Promise<Change<Output>>;
    },
  ): Operation<Services, Output> {
    const { name, secretOutput = false } = definition;
    return operation(definition, async (context, { actor, scope }, input) => {
      if (actor === null) throw unauthenticated();
      const { tenantId, userId: actorId } = actor;
      const key = context.idempotencyKey;
      const request =
        key === undefined
          ? null
          : idempotentRequest({ schema, tenantId, actorId, key, secretOutput }, name, input);
      // Without `prepare`, Prepared is undefined.
      const prepared = (await definition.prepare?.({ context, actor }, input)) as Prepared;
      return changeTenant(context, tenantId, async (db) => {
        const former = request && (await claimKey(untyped(db), request));
        if (former !== null) {
          context.replayed = true;
          // `null` is how the absence of an answer was kept.
          const output = definition.output.parse(JSON.parse(former) ?? undefined);
          return { output, audit: [], actorId };
        }
        const ownerOnly = ownerOf(actor, scope);
        const change = await definition.run({ context, db, actor, ownerOnly }, input, prepared);
        if (request) await keepAnswer(untyped(db), request, JSON.stringify(change.output ?? null));
        return { ...change, actorId };
      });
    });
  }

  /**
   * What can be asked without being signed in. There is no tenant until the body enters one, by
   * what it was shown (a password, a token); changes are audited there as everywhere.
   */
  function anonymous<Input extends z.ZodType, Output>(
    definition: Definition<Input, Output> & {
      /** How often it may be asked from one address (of IPv6: one /64). Null says: without end. */
      readonly limit: LimitName | null;
      readonly run: (
        scope: { readonly context: Context; readonly enterTenant: EnterTenant<Tables> },
        input: z.output<Input>,
      ) => Promise<Output>;
    },
  ): Operation<Services, Output> {
    return operation({ ...definition, access: "anyone" }, (context, _admission, input) => {
      const enterTenant: EnterTenant<Tables> = (tenantId, change) =>
        changeTenant(context, tenantId, change);
      const run = () => definition.run({ context, enterTenant }, input);
      if (definition.limit === null) return run();
      const limits: Readonly<Record<string, Limit>> = context.services.limits;
      const limit = limits[definition.limit];
      if (limit === undefined) throw new Error(`there is no limit ${definition.limit}`);
      return limited(context, definition.name, limit, networkOf(context.clientAddress), run);
    });
  }

  function operation<Input extends z.ZodType, Output>(
    definition: Definition<Input, Output> & { readonly access: Access | "anyone" },
    run: (context: Context, admission: Admission, input: z.output<Input>) => Promise<Output>,
  ): Operation<Services, Output> {
    const { name, access, input, output } = definition;
    return {
      name,
      access,
      input,
      output,
      admit: (context) => noted(context, name, () => admit(context, name, access)),
      run: (context, admission, raw) =>
        beforeDeadline(context, () =>
          noted(context, name, () => run(context, admission, parseInput(input, raw))),
        ),
    };
  }

  async function admit(
    context: Context,
    name: string,
    access: Access | "anyone",
  ): Promise<Admission> {
    if (access === "anyone") return { actor: null, scope: "own" };
    if (context.token === undefined) throw unauthenticated();
    const actor = await context.services.authenticate(context.token, context);
    context.actor = actor;
    const { session } = context.services.limits;
    return limited(context, name, session, actor.sessionId, async () => authorize(actor, access));
  }

  function authorize(actor: Actor, access: Access): Admission {
    const personal = access === "session" || access === "anySession";
    if (personal && actor.kind !== "user") {
      throw new Failure("forbidden", "forbidden", "This is for users: an API key has no session.");
    }
    if (actor.secondFactorMissing && access !== "anySession") {
      throw new Failure(
        "forbidden",
        "second_factor_enrolment_required",
        `The company demands a second factor of the role ${actor.role}: set one up first.`,
      );
    }
    const signedIn = access === "signedIn" || personal;
    const scope = signedIn ? "own" : actor.permissions.get(access);
    if (scope === undefined) {
      throw new Failure("forbidden", "forbidden", `The role ${actor.role} may not do ${access}.`, {
        facts: { permission: access },
      });
    }
    return { actor, scope };
  }

  /** The one place where rows of a tenant are changed: with their traces, or not at all. */
  async function changeTenant<Output>(
    context: Context,
    tenantId: string,
    change: (db: Kysely<Tables>) => Promise<AttributedChange<Output>>,
  ): Promise<Output> {
    const { requestId, services } = context;
    const origin = { ...context, tenantId };
    const changed = await services.database.transaction(boundsOf(tenantId, context), async (db) => {
      const result = await change(db);
      const { audit, actorId } = result;
      const entries = "entity" in audit ? [audit] : audit;
      await insertAuditEntries(untyped(db), schema, { tenantId, actorId, requestId }, entries);
      await services.securityEvents.keep(db, origin, result.events ?? []);
      return result;
    });
    for (const event of changed.events ?? []) services.securityEvents.tell(origin, event);
    await changed.afterCommit?.().catch((error: unknown) => {
      context.log.warn({ event: "message_lost", requestId, err: error });
    });
    return changed.output;
  }

  return { read, write, anonymous };
}

function ownerOf(actor: Actor, scope: Scope): string | null {
  return scope === "own" ? actor.userId : null;
}

function boundsOf(tenantId: string, { deadline }: RequestContext<unknown>) {
  return { tenantId, deadline };
}

/** Audit and idempotency name their tables themselves, so that they serve every service's. */
function untyped<Tables>(db: Kysely<Tables>): Kysely<never> {
  return db.withTables<never>();
}

/**
 * Answers by the deadline even if something below does not keep to it; what it does then is lost.
 * A client that has gone needs no answer, so only the time counts here.
 */
async function beforeDeadline<T>(
  { deadline }: RequestContext<unknown>,
  run: () => Promise<T>,
): Promise<T> {
  const { promise: passed, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(deadlineExceeded()), Math.max(deadline - Date.now(), 0));
  try {
    return await Promise.race([run(), passed]);
  } finally {
    clearTimeout(timer);
  }
}

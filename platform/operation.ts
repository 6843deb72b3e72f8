import type { Kysely } from "kysely";
import type { z } from "zod";
import { networkOf } from "./address.ts";
import { type Access, type Admission, type AdmissionServices, admit } from "./admission.ts";
import {
  type AttributedChange,
  type Change,
  type ChangeServices,
  changeTenant,
  type FailedChange,
} from "./change.ts";
import type { Actor, RequestContext, Scope } from "./context.ts";
import { deadlineExceeded, unauthenticated } from "./errors.ts";
import { type IdempotentRequest, idempotentRequest, once } from "./idempotency.ts";
import { parseInput } from "./input.ts";
import type { Limit } from "./limits.ts";
import { limited, noted } from "./refusals.ts";

/** What operations need of the service that they belong to; limits are by name. */
export interface OperationServices<Tables> extends AdmissionServices, ChangeServices<Tables> {
  readonly securityEvents: ChangeServices<Tables>["securityEvents"];
  /** Keeps what an idempotency key stands for unreadable; see `idempotentRequest`. */
  readonly idempotencySecret: string;
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
  /** Said only of what anybody may call: whether it takes an idempotency key. */
  readonly takesKey?: boolean;
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

/** Opens a tenant's transaction for an operation that nobody is signed in to yet. */
export type EnterTenant<Tables> = <Result>(
  tenantId: string,
  change: (db: Kysely<Tables>) => Promise<AttributedChange<Result> | FailedChange>,
) => Promise<Result>;

/** An answer that was made under the request's idempotency key; only an `AnswerOnce` makes it. */
interface Answered<Output> {
  readonly answered: Output;
}

/**
 * The same for the change that the operation is about, which happens once for each idempotency key of
 * the tenant; see `once`. What is checked in it need not hold any more when the request is repeated
 * (an invitation is good once); what must hold (a password) is checked before.
 */
export type AnswerOnce<Tables, Output> = (
  tenantId: string,
  change: (db: Kysely<Tables>) => Promise<AttributedChange<Output> | FailedChange>,
) => Promise<Answered<Output>>;

/** What the body of an operation is given that nobody is signed in to yet. */
export interface AnonymousScope<Services, Tables, Output> {
  readonly context: RequestContext<Services>;
  readonly enterTenant: EnterTenant<Tables>;
  readonly answerOnce: AnswerOnce<Tables, Output>;
}

/** In the place of a user's id where nobody is signed in. */
const NOBODY = "00000000-0000-0000-0000-000000000000";

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
      /** Says that it is a report, which reads much or little by its parameters; see TenantBounds. */
      readonly planEach?: true;
      readonly run: (
        scope: OperationScope<Services, Tables>,
        input: z.output<Input>,
      ) => Promise<Output>;
    },
  ): Operation<Services, Output> {
    const { planEach = false } = definition;
    return operation(definition, async (context, { actor, scope }, input) => {
      if (actor === null) throw unauthenticated();
      const db = context.services.database.reader({
        ...boundsOf(actor.tenantId, context),
        planEach,
      });
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
      const request = idempotent(context, { tenantId, actorId, secretOutput }, name, input);
      // Without `prepare`, Prepared is undefined.
      const prepared = (await definition.prepare?.({ context, actor }, input)) as Prepared;
      return changeTenant(schema, context, tenantId, async (db) => {
        const ownerOnly = ownerOf(actor, scope);
        const change = async () => ({
          ...(await definition.run({ context, db, actor, ownerOnly }, input, prepared)),
          actorId,
        });
        return request === null ? change() : once(db, context, request, definition.output, change);
      });
    });
  }

  /**
   * What can be asked without being signed in. There is no tenant until the body enters one, by
   * what it was shown (a password, a token); changes are audited there as everywhere. It answers with
   * what lets somebody in, so what is kept of the answer is sealed.
   */
  function anonymous<Input extends z.ZodType, Output>(
    definition: Definition<Input, Output> & {
      /** How often it may be asked from one address (of IPv6: one /64). Null says: without end. */
      readonly limit: LimitName | null;
    } & (
        | {
            /** Whether it takes an idempotency key, as all does that changes something. */
            readonly takesKey: true;
            readonly run: (
              scope: AnonymousScope<Services, Tables, Output>,
              input: z.output<Input>,
            ) => Promise<Answered<Output>>;
          }
        | {
            readonly takesKey: false;
            readonly run: (
              scope: { readonly context: Context },
              input: z.output<Input>,
            ) => Promise<Output>;
          }
      ),
  ): Operation<Services, Output> {
    return operation({ ...definition, access: "anyone" }, (context, _admission, input) => {
      const run = async (): Promise<Output> => {
        if (!definition.takesKey) return definition.run({ context }, input);
        const scope = anonymousScope(context, definition, input);
        return (await definition.run(scope, input)).answered;
      };
      if (definition.limit === null) return run();
      const limits: Readonly<Record<string, Limit>> = context.services.limits;
      const limit = limits[definition.limit];
      if (limit === undefined) throw new Error(`there is no limit ${definition.limit}`);
      return limited(context, definition.name, limit, networkOf(context.clientAddress), run);
    });
  }

  function anonymousScope<Input extends z.ZodType, Output>(
    context: Context,
    { name, output }: Definition<Input, Output>,
    input: z.output<Input>,
  ): AnonymousScope<Services, Tables, Output> {
    return {
      context,
      enterTenant: (tenantId, change) => changeTenant(schema, context, tenantId, change),
      async answerOnce(tenantId, change) {
        const by = { tenantId, actorId: NOBODY, secretOutput: true };
        const request = idempotent(context, by, name, input);
        const answered = await changeTenant<Tables, Output>(schema, context, tenantId, (db) =>
          request === null ? change(db) : once(db, context, request, output, () => change(db)),
        );
        return { answered };
      },
    };
  }

  /** Null if the request has no idempotency key. */
  function idempotent(
    { idempotencyKey: key, services }: Context,
    by: Pick<IdempotentRequest, "tenantId" | "actorId"> & { readonly secretOutput: boolean },
    name: string,
    input: unknown,
  ): IdempotentRequest | null {
    if (key === undefined) return null;
    const serverSecret = services.idempotencySecret;
    return idempotentRequest({ schema, key, serverSecret, ...by }, name, input);
  }

  function operation<Input extends z.ZodType, Output>(
    definition: Definition<Input, Output> & {
      readonly access: Access | "anyone";
      readonly takesKey?: boolean;
    },
    run: (context: Context, admission: Admission, input: z.output<Input>) => Promise<Output>,
  ): Operation<Services, Output> {
    const { name, access, input, output, takesKey } = definition;
    return {
      name,
      access,
      input,
      output,
      ...(takesKey !== undefined && { takesKey }),
      admit: (context) => noted(context, name, () => admit(context, name, access)),
      run: (context, admission, raw) =>
        beforeDeadline(context, () =>
          noted(context, name, () => run(context, admission, parseInput(input, raw))),
        ),
    };
  }

  return { read, write, anonymous };
}

/** The user whose rows alone are within the scope; null where it is all of them. */
export function ownerOf(actor: Actor, scope: Scope): string | null {
  return scope === "own" ? actor.userId : null;
}

function boundsOf(tenantId: string, { deadline }: RequestContext<unknown>) {
  return { tenantId, deadline };
}

/**
 * Answers by the deadline even if something below does not keep to it; what it does then is lost.
 * A client that has gone needs no answer, so only the time counts here.
 */
export async function beforeDeadline<T>(
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

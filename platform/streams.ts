import type { Kysely } from "kysely";
import type { z } from "zod";
import { type Access, type Admission, admit } from "./admission.ts";
import { type Change, changeTenant } from "./change.ts";
import type { Actor, RequestContext } from "./context.ts";
import { Failure, unauthenticated } from "./errors.ts";
import { idempotentRequest, once } from "./idempotency.ts";
import { parseInput } from "./input.ts";
import {
  beforeDeadline,
  type OperationScope,
  type OperationServices,
  ownerOf,
} from "./operation.ts";
import { noted } from "./refusals.ts";
import { recheck, rechecking, whileStanding } from "./session-check.ts";
import { incomplete, type UploadContent, uploadContent } from "./upload-content.ts";

/** The deadline of what has none, from now: the most that a timer can be set to. */
export const UNBOUNDED_MS = 2_147_483_647;
/** What a single step of a stream may take: a statement, the first item, the change at the end. */
const STEP_MS = 10_000;
/** A stream that says nothing for so long yields null, so that nobody in between takes it for dead. */
const HEARTBEAT_MS = 15_000;
const AT_ONCE = 20;

interface Streaming<Services> {
  /** `contacts.export`: in logs and metrics. */
  readonly name: string;
  readonly access: Access;
  readonly input: z.ZodType;
  /** Throws `unauthenticated`, `forbidden` or `rateLimited`. */
  admit(context: RequestContext<Services>): Promise<Admission>;
}

/** An operation whose answer comes item by item. */
export interface StreamOperation<Services, Item> extends Streaming<Services> {
  readonly item: z.ZodType<Item>;
  /**
   * Resolves when the first item is there, so that what fails before is an ordinary failure. Between
   * the items there is a null every 15 seconds. What is thrown later must reach the client as an end
   * that cannot be taken for the proper one. Must be read to its end or returned.
   */
  run(
    context: RequestContext<Services>,
    admission: Admission,
    input: unknown,
  ): Promise<AsyncGenerator<Item | null, void>>;
}

/** An operation that is given a content of any size besides its input. */
export interface UploadOperation<Services, Output> extends Streaming<Services> {
  readonly output: z.ZodType<Output>;
  /** Throws `unauthenticated` also when the session is ended meanwhile. */
  run(
    context: RequestContext<Services>,
    admission: Admission,
    input: unknown,
    content: AsyncIterable<Uint8Array>,
  ): Promise<Output>;
}

/** What the body of a stream is given. `db` reads; each statement has ten seconds. */
export interface StreamScope<Services, Tables> extends OperationScope<Services, Tables> {
  /** Changes something, with its traces, as the run of a write does. */
  readonly change: <Result>(
    make: (db: Kysely<Tables>) => Promise<Change<Result>>,
  ) => Promise<Result>;
}

/**
 * The ways to define an operation that streams. They check, limit, audit and log as those of
 * `operations` do, but have no deadline as a whole unless the client sets one: a stream lasts as long
 * as it goes on. At most 20 of one session are open at once, and they end with it: that is looked for
 * every ten seconds, and once more before an upload's change.
 */
export function streamOperations<Tables, Services extends OperationServices<Tables>>(
  schema: string,
) {
  type Context = RequestContext<Services>;
  /** How many streams each session has open, in this process. */
  const open = new Map<string, number>();

  /** Answers item by item. `run` should stop by itself when `context.signal` is aborted. */
  function stream<Input extends z.ZodType, Item extends object | string>(definition: {
    readonly name: string;
    readonly access: Access;
    readonly input: Input;
    readonly item: z.ZodType<Item>;
    readonly run: (
      scope: StreamScope<Services, Tables>,
      input: z.output<Input>,
    ) => AsyncGenerator<Item, void>;
  }): StreamOperation<Services, Item> {
    const { name, access, input, item } = definition;
    return {
      name,
      access,
      input,
      item,
      admit: (context) => noted(context, name, () => admit(context, name, access)),
      async run(context, admission, raw) {
        const actor = actorOf(admission);
        const items = definition.run(scopeOf(context, admission), parseInput(input, raw));
        const leave = enter(actor);
        try {
          const first = await step(context, () => noted(context, name, () => items.next()));
          const going = goOn(context, actor, name, items, first, leave);
          // Begun, so that it cleans up even if nobody asks for an item.
          await going.next();
          // Not every transport ends what it was reading from when its client leaves.
          context.signal.addEventListener("abort", () => void going.return());
          return going;
        } catch (thrown) {
          leave();
          end(context, items);
          throw thrown;
        }
      },
    };
  }

  /**
   * Takes a content in: `receive` puts it somewhere, as it comes; then `run` makes the change, as that
   * of a write does, once for each idempotency key. The content is a part of what the key stands for.
   */
  function upload<Input extends z.ZodType, Output, Received>(definition: {
    readonly name: string;
    readonly access: Access;
    readonly input: Input;
    readonly output: z.ZodType<Output>;
    /** Larger contents are refused, at the latest when so much of them has come. */
    readonly maxBytes: (services: Services) => number;
    /** When it throws, it has to have cleaned up itself. Reads must have deadlines of their own. */
    readonly receive: (
      scope: StreamScope<Services, Tables>,
      input: z.output<Input>,
      content: UploadContent,
    ) => Promise<Received>;
    readonly run: (
      scope: OperationScope<Services, Tables>,
      input: z.output<Input>,
      received: Received,
    ) => Promise<Change<Output>>;
    /** Removes what `receive` has made, if `run` has failed or was answered from before. */
    readonly discard: (scope: StreamScope<Services, Tables>, received: Received) => Promise<void>;
  }): UploadOperation<Services, Output> {
    const { name, access, input, output } = definition;

    async function change(
      context: Context,
      admission: Admission,
      parsed: z.output<Input>,
      received: Received,
      fingerprint: unknown,
    ): Promise<Output> {
      const actor = actorOf(admission);
      const { tenantId, userId: actorId } = actor;
      const request = idempotent(context, actor, name, fingerprint);
      return changeTenant<Tables, Output>(schema, context, tenantId, (db) => {
        const scope = { context, db, actor, ownerOnly: ownerOf(actor, admission.scope) };
        const make = async () => ({ ...(await definition.run(scope, parsed, received)), actorId });
        return request === null ? make() : once(db, context, request, output, make);
      });
    }

    async function run(
      context: Context,
      admission: Admission,
      raw: unknown,
      source: AsyncIterable<Uint8Array>,
    ): Promise<Output> {
      const parsed = parseInput(input, raw);
      const actor = actorOf(admission);
      // Refuses a key that is none before the content has come.
      idempotent(context, actor, name, parsed);
      const scope = scopeOf(context, admission);
      const leave = enter(actor);
      try {
        const content = uploadContent(
          whileStanding(context, actor, source),
          definition.maxBytes(context.services),
          context.signal,
        );
        const received = await definition.receive(scope, parsed, content);
        let kept = false;
        try {
          const fingerprint = [parsed, await content.sha256()];
          // Some clients end the content when they mean to cancel it, and reset the stream only then.
          if (context.signal.aborted) throw incomplete(context.signal.reason);
          await recheck(context, actor);
          const within = { ...context, deadline: stepDeadline(context) };
          const result = await beforeDeadline(within, () =>
            change(within, admission, parsed, received, fingerprint),
          );
          context.replayed = within.replayed;
          kept = !within.replayed;
          return result;
        } finally {
          if (!kept) await definition.discard(scope, received);
        }
      } finally {
        leave();
      }
    }

    return {
      name,
      access,
      input,
      output,
      admit: (context) => noted(context, name, () => admit(context, name, access)),
      run: (context, admission, raw, source) =>
        noted(context, name, () => run(context, admission, raw, source)),
    };
  }

  function idempotent(context: Context, actor: Actor, name: string, input: unknown) {
    const { idempotencyKey: key, services } = context;
    if (key === undefined) return null;
    const { tenantId, userId: actorId } = actor;
    const serverSecret = services.idempotencySecret;
    const by = { schema, key, serverSecret, tenantId, actorId, secretOutput: false };
    return idempotentRequest(by, name, input);
  }

  function scopeOf(context: Context, admission: Admission): StreamScope<Services, Tables> {
    const actor = actorOf(admission);
    const { tenantId, userId: actorId } = actor;
    const bounds = {
      tenantId,
      // Asked for with each statement.
      get deadline() {
        return stepDeadline(context);
      },
    };
    return {
      context,
      db: context.services.database.reader(bounds),
      actor,
      ownerOnly: ownerOf(actor, admission.scope),
      change(make) {
        const within = { ...context, deadline: stepDeadline(context) };
        return changeTenant(schema, within, tenantId, async (db) => ({
          ...(await make(db)),
          actorId,
        }));
      },
    };
  }

  /** Counts a stream of the session; the result is to be called, once, when it has ended. */
  function enter({ sessionId }: Actor): () => void {
    const others = open.get(sessionId) ?? 0;
    if (others >= AT_ONCE) {
      const message = `At most ${AT_ONCE} streams of a session are open at once: close one of them.`;
      throw new Failure("rateLimited", "too_many_streams", message, { retryAfter: 5 });
    }
    open.set(sessionId, others + 1);
    return () => {
      const left = (open.get(sessionId) ?? 1) - 1;
      if (left === 0) open.delete(sessionId);
      else open.set(sessionId, left);
    };
  }

  async function* goOn<Item>(
    context: Context,
    actor: Actor,
    name: string,
    items: AsyncGenerator<Item, void>,
    first: IteratorResult<Item, void>,
    leave: () => void,
  ): AsyncGenerator<Item | null, void> {
    let next = Promise.resolve(first);
    const check = rechecking(context, actor);
    try {
      yield null;
      for (;;) {
        const result = await noted(context, name, () => soon(next, context.signal));
        await check();
        if (result?.done) return;
        if (result === null) {
          yield null;
          continue;
        }
        yield result.value;
        next = items.next();
      }
    } finally {
      leave();
      end(context, items);
    }
  }

  return { stream, upload };
}

function actorOf({ actor }: Admission): Actor {
  if (actor === null) throw unauthenticated();
  return actor;
}

function stepDeadline({ deadline }: RequestContext<unknown>): number {
  return Math.min(deadline, Date.now() + STEP_MS);
}

function step<T>(context: RequestContext<unknown>, run: () => Promise<T>): Promise<T> {
  return beforeDeadline({ ...context, deadline: stepDeadline(context) }, run);
}

/** What comes, or null if nothing does for a while. Throws when the client has gone. */
async function soon<T>(next: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const { promise, resolve, reject } = Promise.withResolvers<null>();
  const gone = () => reject(new Failure("deadline", "client_gone", "The client has gone."));
  const timer = setTimeout(resolve, HEARTBEAT_MS, null);
  signal.addEventListener("abort", gone);
  try {
    if (signal.aborted) gone();
    return await Promise.race([next, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", gone);
  }
}

/** Lets the body of a stream clean up; it may still be busy with its last step. */
function end(context: RequestContext<unknown>, items: AsyncGenerator<unknown, void>): void {
  items.return().catch((error: unknown) => {
    const { requestId } = context;
    context.log.error({ event: "stream_cleanup_failed", requestId, err: error });
  });
}

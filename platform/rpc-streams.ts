import {
  create,
  type DescMessage,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import type { RequestContext } from "./context.ts";
import { malformed } from "./errors.ts";
import type { StreamOperation, UploadOperation } from "./streams.ts";

type Admission<Services> = Awaited<ReturnType<StreamOperation<Services, unknown>["admit"]>>;

/** What a streaming method's implementation is given of its call. */
export interface StreamCalls<Services> {
  admitted(handler: HandlerContext): {
    readonly context: RequestContext<Services>;
    readonly admission: Admission<Services>;
    /** To be called if all was sent; else the client has left. */
    complete(): void;
  };
  /** As proto JSON, checked for what this version does not know. */
  requestJson(schema: DescMessage, message: MessageShape<DescMessage>): JsonObject;
  /** What was thrown, as Connect is to tell it. */
  refusal(handler: HandlerContext, thrown: unknown): unknown;
}

/** A streaming RPC and the operation that it stands for. */
export interface StreamBinding<Services> {
  readonly method:
    | DescMethodServerStreaming<DescMessage, DescMessage>
    | DescMethodClientStreaming<DescMessage, DescMessage>;
  readonly operation: StreamOperation<Services, unknown> | UploadOperation<Services, unknown>;
  implement(router: ConnectRouter, calls: StreamCalls<Services>): void;
}

/**
 * Binds a server-streaming method to a stream: a message for each item. Without `output`, an item is
 * the message's JSON; without `input`, the request's JSON is the input.
 */
export function bindStream<
  Services,
  Item,
  Request extends DescMessage,
  Response extends DescMessage,
>(
  method: DescMethodServerStreaming<Request, Response>,
  operation: StreamOperation<Services, Item>,
  translation: {
    readonly input?: (request: JsonObject) => unknown;
    readonly output?: (item: Item) => unknown;
    /** Instead of `output`: the message itself, for bytes, which JSON could only say in base64. */
    readonly message?: (item: Item) => MessageInitShape<Response>;
  } = {},
): StreamBinding<Services> {
  return {
    method,
    operation,
    implement(router, calls) {
      router.rpc(method, async function* (request, handler) {
        try {
          const { context, admission, complete } = calls.admitted(handler);
          const json = calls.requestJson(method.input, request);
          const input = translation.input ? translation.input(json) : json;
          for await (const item of await operation.run(context, admission, input)) {
            // Of gRPC, it is the PINGs below that tell that somebody is still there.
            if (item === null) continue;
            if (translation.message) yield create(method.output, translation.message(item));
            else {
              const json = translation.output ? translation.output(item) : item;
              yield fromJson(method.output, json as JsonValue);
            }
          }
          complete();
        } catch (thrown) {
          throw calls.refusal(handler, thrown);
        }
      });
    },
  };
}

/**
 * Binds a client-streaming method to an upload. The first message holds the parameters: `input` makes
 * the operation's input of it. Each further one holds bytes: `chunk` finds them, or undefined if the
 * message is another one.
 */
export function bindUpload<
  Services,
  Output,
  Request extends DescMessage,
  Response extends DescMessage,
>(
  method: DescMethodClientStreaming<Request, Response>,
  operation: UploadOperation<Services, Output>,
  translation: {
    readonly input: (first: JsonObject) => unknown;
    readonly chunk: (message: MessageShape<Request>) => Uint8Array | undefined;
    readonly output?: (output: Output) => unknown;
  },
): StreamBinding<Services> {
  return {
    method,
    operation,
    implement(router, calls) {
      router.rpc(method, async (requests, handler) => {
        const messages = requests[Symbol.asyncIterator]();
        try {
          const { context, admission, complete } = calls.admitted(handler);
          const first = await messages.next();
          if (first.done || translation.chunk(first.value) !== undefined) {
            throw wrongOrder("the first message must hold the parameters");
          }
          const input = translation.input(calls.requestJson(method.input, first.value));
          const content = chunks(messages, translation.chunk);
          const output = await operation.run(context, admission, input, content);
          if (context.replayed) handler.responseHeader.set("idempotency-replayed", "true");
          complete();
          const json = translation.output ? translation.output(output) : output;
          return fromJson(method.output, (json ?? {}) as JsonValue);
        } catch (thrown) {
          throw calls.refusal(handler, thrown);
        } finally {
          await messages.return?.();
        }
      });
    },
  };
}

async function* chunks<Message>(
  messages: AsyncIterator<Message>,
  chunk: (message: Message) => Uint8Array | undefined,
): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const { done, value } = await messages.next();
    if (done) return;
    const bytes = chunk(value);
    if (bytes === undefined) throw wrongOrder("only the first message may hold the parameters");
    yield bytes;
  }
}

function wrongOrder(what: string) {
  return malformed("wrong_message", `${what}, and each further one bytes of the content`);
}

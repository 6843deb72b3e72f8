import {
  type DescMessage,
  type DescMethodUnary,
  fromJson,
  isMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import type { RequestContext } from "./context.ts";
import { asFailure, FAILURES, Failure, invalid, malformed } from "./errors.ts";
import type { Operation } from "./operation.ts";
import { type RequestOrigin, requestContext } from "./request.ts";
import { connectError, messageFailure, spellMessageOut } from "./rpc-errors.ts";
import type { StreamBinding, StreamCalls } from "./rpc-streams.ts";
import { UNBOUNDED_MS } from "./streams.ts";

export const DEFAULT_TIMEOUT_MS = 10_000;
/** Of a call that is answered at once a longer `grpc-timeout` is refused; streams may take their time. */
const MAX_TIMEOUT_MS = 600_000;
const MAX_MESSAGE_BYTES = 1 << 20;

type UnaryMethod = DescMethodUnary<DescMessage, DescMessage>;

/** How a method's messages and an operation's input and output are made of each other, as JSON. */
interface Translation<Output> {
  /** Proto JSON of the request → input. Without it they are alike. */
  readonly input?: (request: JsonObject) => unknown;
  /** Output → proto JSON of the response. Without it they are alike. */
  readonly output?: (output: Output) => unknown;
  /** Output → the response itself, instead: for what is called so often that JSON would be felt. */
  readonly response?: (output: Output) => MessageShape<DescMessage>;
}

/** One RPC and the operation that it stands for. */
export interface Binding<Services> {
  readonly method: UnaryMethod;
  readonly operation: Operation<Services, unknown>;
  readonly translation: Translation<never>;
}

/** Binds a method to an operation; the messages are only another spelling of its JSON. */
export function bind<Services, Output>(
  method: UnaryMethod,
  operation: Operation<Services, Output>,
  translation: Translation<Output> = {},
): Binding<Services> {
  return { method, operation, translation };
}

/** An RPC as it is being answered. */
interface Call<Services> {
  readonly origin: RequestOrigin;
  context: RequestContext<Services> | undefined;
  failure: Failure | undefined;
  /** Its message has been read. */
  received: boolean;
  /** Set to false by a stream that begins, until it is complete. */
  complete: boolean;
}

export interface RpcServices<Services> {
  readonly services: Services;
  readonly bindings: readonly (Binding<Services> | StreamBinding<Services>)[];
  /** Adds what every service of gRPC has, and anybody may call, without an operation. */
  readonly standard?: (router: ConnectRouter) => void;
  readonly log: RequestContext<Services>["log"];
  /** Called once for each answered call. */
  readonly observe: (outcome: CallOutcome<Services>) => void;
}

export interface CallOutcome<Services> {
  readonly procedure: string;
  readonly protocol: string;
  readonly code: string;
  readonly origin: RequestOrigin;
  readonly context: RequestContext<Services> | undefined;
  readonly failure: Failure | undefined;
  readonly seconds: number;
}

/** Answers a call that arrived over HTTP of any version. */
export type RpcHandler = (
  request: UniversalServerRequest,
  origin: RequestOrigin,
) => Promise<UniversalServerResponse>;

/**
 * The bound methods by path, such as `/crm.v1.ContactService/GetContact`, each speaking Connect,
 * gRPC and gRPC-Web. The caller is checked before anything of the body is read.
 */
export function rpcHandlers<Services>(rpc: RpcServices<Services>): Map<string, RpcHandler> {
  const callKey = createContextKey<Call<Services> | undefined>(undefined);
  const operationOf = new Map(
    rpc.bindings.map(({ method, operation }) => [method as unknown, operation] as const),
  );
  const admissions = new WeakMap<
    Call<Services>,
    Awaited<ReturnType<Operation<Services, unknown>["admit"]>>
  >();

  function callOf(handler: HandlerContext): Call<Services> {
    const call = handler.values.get(callKey);
    if (call === undefined) throw new Error("a call must come through its RpcHandler");
    return call;
  }

  async function gate(handler: HandlerContext): Promise<void> {
    const call = callOf(handler);
    // Set before, if Connect has refused the message: this time it tells so in our words.
    if (call.failure !== undefined) throw connectError(call.failure, call.origin.requestId);
    const timeoutMs = handler.timeoutMs() ?? defaultTimeoutMs(handler);
    try {
      call.context = requestContext(call.origin, {
        services: rpc.services,
        log: rpc.log,
        deadline: Date.now() + timeoutMs,
        signal: handler.signal,
      });
      if (timeoutMs > MAX_TIMEOUT_MS && handler.method.methodKind === "unary") {
        const message = `The deadline must be within ${MAX_TIMEOUT_MS / 1_000} seconds.`;
        throw malformed("timeout_too_long", message);
      }
      const operation = operationOf.get(handler.method);
      if (operation !== undefined) admissions.set(call, await operation.admit(call.context));
    } catch (thrown) {
      throw refusal(call, thrown);
    }
  }

  const translateErrors: Interceptor = (next) => async (request) => {
    const call = request.contextValues.get(callKey);
    if (call !== undefined && !operationOf.has(request.method)) call.received = true;
    try {
      return await next(request);
    } catch (thrown) {
      throw call === undefined ? thrown : refusal(call, thrown);
    }
  };

  const streamCalls: StreamCalls<Services> = {
    admitted(handler) {
      const call = callOf(handler);
      const admission = admissions.get(call);
      if (call.context === undefined || admission === undefined) {
        throw new Error("a call must come through the gate");
      }
      call.received = true;
      call.complete = false;
      const complete = () => {
        call.complete = true;
      };
      return { context: call.context, admission, complete };
    },
    requestJson,
    refusal: (handler, thrown) => refusal(callOf(handler), thrown),
  };

  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: MAX_MESSAGE_BYTES,
    // Still longer ones overflow the timer and end at once.
    maxTimeoutMs: UNBOUNDED_MS,
    jsonOptions: { ignoreUnknownFields: false },
    interceptors: [translateErrors],
    requestGate: gate,
  });
  for (const binding of rpc.bindings) {
    if ("implement" in binding) binding.implement(router, streamCalls);
    else implement(router, binding);
  }
  rpc.standard?.(router);

  function implement(target: ConnectRouter, { method, operation, translation }: Binding<Services>) {
    target.rpc(method, async (request, handler) => {
      const call = callOf(handler);
      const admission = admissions.get(call);
      if (call.context === undefined || admission === undefined) {
        throw new Error("a call must come through the gate");
      }
      call.received = true;
      const input = requestJson(method.input, request);
      const output = await operation.run(
        call.context,
        admission,
        translation.input ? translation.input(input) : input,
      );
      if (call.context.replayed) handler.responseHeader.set("idempotency-replayed", "true");
      // The translation was given with the operation, for its very output.
      if (translation.response) return translation.response(output as never);
      const json = translation.output ? translation.output(output as never) : output;
      return fromJson(method.output, (json ?? {}) as JsonValue);
    });
  }

  return new Map(
    router.handlers.map((handler) => [
      handler.requestPath,
      (request, origin) => answer(handler, request, origin),
    ]),
  );

  async function answer(
    handler: UniversalHandler,
    request: UniversalServerRequest,
    origin: RequestOrigin,
  ): Promise<UniversalServerResponse> {
    const started = performance.now();
    const call: Call<Services> = {
      origin,
      context: undefined,
      failure: undefined,
      received: false,
      complete: true,
    };
    const contextValues = createContextValues().set(callKey, call);
    let response = await handler({ ...request, contextValues });
    if (call.failure === undefined && !call.received) {
      call.failure = messageFailure(call.context?.signal.reason, MAX_MESSAGE_BYTES);
      if (call.failure !== undefined) response = await handler({ ...request, contextValues });
    }
    const header = new Headers(response.header);
    header.set("x-request-id", origin.requestId);
    if (request.method === "GET") header.set("cache-control", "no-store");
    const finished = (): void => {
      spellMessageOut(response.trailer);
      rpc.observe({
        procedure: handler.requestPath.slice(1),
        protocol: protocolOf(request.header.get("content-type")),
        code: codeOf(call, response),
        origin,
        context: call.context,
        failure: call.failure,
        seconds: (performance.now() - started) / 1_000,
      });
    };
    return { ...response, header, body: observed(response.body, finished) };
  }
}

/** A stream lasts as long as it goes on, unless its client says how long it may. */
function defaultTimeoutMs({ method }: HandlerContext): number {
  return method.methodKind === "unary" ? DEFAULT_TIMEOUT_MS : UNBOUNDED_MS;
}

/** Calls `finished` once, when the body has been sent or given up. */
async function* observed(
  body: AsyncIterable<Uint8Array> | undefined,
  finished: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    if (body !== undefined) yield* body;
  } finally {
    finished();
  }
}

/** Which protocol a call speaks, by its content type. */
export function protocolOf(contentType: string | null): string {
  if (contentType?.startsWith("application/grpc-web")) return "grpc-web";
  if (contentType?.startsWith("application/grpc")) return "grpc";
  return "connect";
}

/** The call's failure; what Connect refused by itself is known by the answer only. */
function codeOf(call: Call<unknown>, response: UniversalServerResponse): string {
  if (call.failure !== undefined) return codeName(FAILURES[call.failure.kind].rpc);
  if (!call.complete) return codeName(Code.Canceled);
  const status = response.trailer?.get("grpc-status");
  if (status) return status === "0" ? "ok" : codeName(Number(status));
  return response.status === 200 ? "ok" : `http_${response.status}`;
}

function codeName(code: Code): string {
  return (Code[code] ?? "Unknown").replace(/(?<=.)([A-Z])/g, "_$1").toLowerCase();
}

/**
 * The request's fields as proto JSON. Throws `invalid` for a field that this version does not know, and
 * for what JSON cannot say: a field mask with a path that is no field's name, a time out of its range.
 */
function requestJson(schema: DescMessage, request: MessageShape<DescMessage>): JsonObject {
  if (hasUnknownField(request)) {
    const message = "has a field that this service does not know";
    throw invalid([{ path: "", code: "unknown_field", message }]);
  }
  let json: JsonValue;
  try {
    json = toJson(schema, request);
  } catch (error) {
    const message = "has a field mask or a time that is out of its type's range";
    throw invalid([{ path: "", code: "invalid_value", message }], message, error);
  }
  return typeof json === "object" && json !== null && !Array.isArray(json) ? json : {};
}

function hasUnknownField(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasUnknownField);
  if (!isMessage(value)) return false;
  return (value.$unknown?.length ?? 0) > 0 || Object.values(value).some(hasUnknownField);
}

/** What was thrown while a call was answered, as Connect is to tell it. */
function refusal(call: Call<unknown>, thrown: unknown): unknown {
  // What Connect itself throws is looked at in `answer`.
  if (thrown instanceof ConnectError && !(thrown.cause instanceof Failure)) return thrown;
  // An upload's own failure comes by here twice, the second time as what it was told as.
  call.failure = asFailure(thrown instanceof ConnectError ? thrown.cause : thrown);
  return connectError(call.failure, call.origin.requestId);
}

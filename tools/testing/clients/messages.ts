import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { ApiOperation } from "../api/operation.ts";
import { type Refusal, requestIdOf, retryHeadersOf } from "./client.ts";

/**
 * The answer that a response message stands for, in REST's form. `message` may come from any protobuf
 * library that gives fields their JSON names, and leaves out, or sets to null, what is unset.
 */
export function answerOf<Value>(operation: ApiOperation<Value>, message: object): Value {
  const fields = fieldsOf(operation.method.output, message);
  return operation.value.parse(operation.answer ? operation.answer(fields) : fields);
}

/** The same of a stream of messages. */
export function streamAnswerOf<Value>(
  operation: ApiOperation<Value>,
  messages: readonly object[],
): Value {
  if (operation.stream === "file") {
    const chunks = messages.map((message): unknown => Reflect.get(message, "chunk"));
    if (!chunks.every((chunk) => chunk instanceof Uint8Array)) throw new Error("not a file");
    return operation.value.parse(Buffer.concat(chunks).toString());
  }
  const events = messages.map((message) => fieldsOf(operation.method.output, message));
  return operation.value.parse(
    operation.answer ? events.map((event) => operation.answer?.(event)) : events,
  );
}

function fieldsOf(desc: DescMessage, message: object): JsonObject {
  return Object.fromEntries(
    desc.fields.map((field) => {
      const value: unknown = Reflect.get(message, field.localName);
      const list = field.fieldKind === "list" && Array.isArray(value);
      return [
        field.jsonName,
        list ? value.map((item: unknown) => fieldValue(field, item)) : fieldValue(field, value),
      ];
    }),
  );
}

function fieldValue(field: DescField, value: unknown): JsonValue {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  if (field.message === undefined || typeof value !== "object") {
    throw new Error(`${field.toString()} has a type that no answer of these services has`);
  }
  if (field.message.typeName === "google.protobuf.Struct") return structValue(value);
  if (field.message.typeName !== "google.protobuf.Timestamp") return fieldsOf(field.message, value);
  const [seconds, nanos] = ["seconds", "nanos"].map((part) => Number(Reflect.get(value, part)));
  return new Date((seconds ?? 0) * 1_000 + (nanos ?? 0) / 1e6).toISOString();
}

/**
 * protobuf-es gives a Struct as the object that it stands for, other libraries as the message that it
 * is: with `fields`, which in these services' own objects are a list.
 */
function structValue(struct: object): JsonObject {
  const fields: unknown = Reflect.get(struct, "fields");
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    return struct as JsonObject;
  }
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, jsonOf(value)] as const),
  );
}

/** A google.protobuf.Value: the one of its kinds that is set. */
function jsonOf(message: object): JsonValue {
  const [set] = Object.entries(message);
  if (set === undefined) throw new Error("a Value has no kind");
  const [kind, value] = set;
  if (kind === "nullValue") return null;
  if (kind === "structValue") return structValue(value);
  return kind === "listValue" ? (value.values ?? []).map(jsonOf) : value;
}

/** The details of google.rpc that a failed call came with. */
export interface RpcDetails {
  readonly info: { readonly reason: string; readonly metadata: Record<string, string> } | undefined;
  readonly violations: readonly { readonly field: string; readonly reason: string }[];
  /** Of RetryInfo. */
  readonly retryDelay: { readonly seconds: number | bigint } | undefined;
}

/** A failed call in the common form. Throws if it has not the details of the contract. */
export function rpcRefusal(
  operation: ApiOperation<unknown>,
  call: { status: string; message: string; headers: Headers; details: RpcDetails },
): Refusal {
  const { info, violations, retryDelay } = call.details;
  if (info === undefined) throw new Error(`${call.status} without ErrorInfo: ${call.message}`);
  const { requestId, ...facts } = info.metadata;
  if (requestId !== requestIdOf(call.headers)) {
    throw new Error(`ErrorInfo has the request id ${requestId}, its response another one`);
  }
  const retry = retryHeadersOf(call.headers);
  if (retry["retry-after"] !== retryDelay?.seconds.toString()) {
    throw new Error(`RetryInfo says ${retryDelay?.seconds} s, Retry-After ${retry["retry-after"]}`);
  }
  const body = operation.body ?? "";
  return {
    ok: false,
    status: call.status,
    code: info.reason,
    message: call.message,
    fields: violations.map(({ field, reason }) => {
      const inBody = body !== "" && (field === body || field.startsWith(`${body}.`));
      return `${inBody ? field.slice(body.length).replace(/^\./, "") : field} ${reason}`;
    }),
    facts,
    retry,
  };
}

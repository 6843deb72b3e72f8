import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "@crm/proto/google/rpc/error_details_pb";
import { FAILURES, Failure, malformed, retryHeaders } from "./errors.ts";

/** Domain of google.rpc.ErrorInfo. */
const ERROR_DOMAIN = "crm";
const MAX_REASON = 300;

/** A failure as Connect and gRPC tell it, with google.rpc's details. */
export function connectError(failure: Failure, requestId: string): ConnectError {
  const facts = Object.fromEntries(
    Object.entries(failure.facts).map(([name, fact]) => [
      name,
      typeof fact === "string" ? fact : JSON.stringify(fact),
    ]),
  );
  const details: { desc: DescMessage; value: Message }[] = [
    {
      desc: ErrorInfoSchema,
      value: create(ErrorInfoSchema, {
        reason: failure.code,
        domain: ERROR_DOMAIN,
        metadata: { ...facts, requestId: requestId },
      }),
    },
  ];
  if (failure.fields.length > 0) {
    const fieldViolations = failure.fields.map(({ path, code, message }) => ({
      field: path,
      description: message,
      reason: code,
    }));
    details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) });
  }
  if (failure.retryAfter !== undefined) {
    const retryDelay = durationFromMs(failure.retryAfter * 1_000);
    details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  }
  const metadata = retryHeaders(failure);
  return new ConnectError(failure.message, FAILURES[failure.kind].rpc, metadata, details, failure);
}

/**
 * The failure that it is when Connect could not read a message; `thrown` is what ended the call.
 * Connect would call one that does not parse `internal`, which is HTTP 500, and tell no details.
 */
export function messageFailure(thrown: unknown, maxBytes: number): Failure | undefined {
  if (!(thrown instanceof ConnectError)) return undefined;
  switch (thrown.code) {
    case Code.InvalidArgument:
    case Code.Internal:
      // Shortened, because it may quote what was sent.
      return malformed(
        "invalid_message",
        `The message cannot be read: ${thrown.rawMessage.slice(0, MAX_REASON)}`,
      );
    case Code.ResourceExhausted:
      return new Failure(
        "tooLarge",
        "body_too_large",
        `The message is larger than ${maxBytes} bytes.`,
      );
    default:
      return undefined;
  }
}

/**
 * Connect encodes all of `grpc-message` that a URI would. gRPC asks for that only where a character is
 * not printable ASCII, and clients may decode no more: grpc-js would show `%3A` for a colon.
 */
export function spellMessageOut(trailer: Headers | undefined): void {
  const message = trailer?.get("grpc-message");
  if (!message) return;
  const spelt = decodeURIComponent(message).replace(/[^ -$&-~]/gu, encodeURIComponent);
  trailer?.set("grpc-message", spelt);
}

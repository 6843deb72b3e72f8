import { fromJson } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { FAILURES } from "@crm/platform/errors";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "@crm/proto/google/rpc/error_details_pb";
import { type Client, headersOf, requestIdOf, type Urls, urlOf } from "./client.ts";
import { answerOf, rpcRefusal, streamAnswerOf } from "./messages.ts";

/** A client of Connect's own, of whatever protocol the transports speak that `open` makes. */
export function connectClient(
  name: string,
  urls: Urls,
  open: (baseUrl: string) => Transport,
  canUpload = false,
): Client {
  const transports = new Map([urls.userUrl, urls.crmUrl].map((url) => [url, open(url)] as const));
  return {
    name,
    kind: "RPC",
    canUpload,
    statusOf: (kind) => Code[FAILURES[kind].rpc],
    async call(operation, input, options = {}) {
      const url = urlOf(urls, operation);
      const transport = transports.get(url) ?? open(url);
      const { method } = operation;
      const headers = headersOf(options);
      const json = operation.messages?.(input) ?? [operation.message?.(input) ?? input];
      const requests = json.map((message) => fromJson(method.input, message));
      try {
        if (method.methodKind !== "unary") {
          const sent = createAsyncIterable(requests);
          const response = await transport.stream(method, undefined, undefined, headers, sent);
          const messages = await Array.fromAsync(response.message);
          requestIdOf(response.header);
          const [message = {}] = messages;
          return {
            ok: true,
            value: operation.stream
              ? streamAnswerOf(operation, messages)
              : answerOf(operation, message),
            headers: response.header,
          };
        }
        const [message = fromJson(method.input, {})] = requests;
        const response = await transport.unary(method, undefined, undefined, headers, message);
        requestIdOf(response.header);
        return {
          ok: true,
          value: answerOf(operation, response.message),
          headers: response.header,
        };
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        const [info] = error.findDetails(ErrorInfoSchema);
        const [badRequest] = error.findDetails(BadRequestSchema);
        const [retryInfo] = error.findDetails(RetryInfoSchema);
        return rpcRefusal(operation, {
          status: Code[error.code],
          message: error.rawMessage,
          headers: error.metadata,
          details: {
            info,
            violations: badRequest?.fieldViolations ?? [],
            retryDelay: retryInfo?.retryDelay,
          },
        });
      }
    },
    close() {},
  };
}

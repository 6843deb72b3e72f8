import { fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createEnvelopeReadableStream } from "@connectrpc/connect/protocol";
import { endStreamFromJson, errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { ErrorInfoSchema } from "@crm/proto/google/rpc/error_details_pb";
import type { ApiOperation } from "../../testing/api/operation.ts";
import { type Urls, urlOf } from "../../testing/clients/client.ts";
import { type HttpResponse, http1, http2 } from "../../testing/clients/rest.ts";
import { type Bytes, frame, joined } from "../raw-messages.ts";

// Calls whose answers are kept to the byte.

/** The same for all requests, so that it makes no two answers differ. */
const REQUEST_ID = "isolation-matrix";

/** All of an answer that its receiver can see, but for the time that it was sent at. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

/** A protocol that operations can be called over. */
export interface Protocol {
  /** Whether the operation can be called over it. */
  has(operation: ApiOperation<unknown>): boolean;
  call(operation: ApiOperation<unknown>, input: JsonObject, token?: string): Promise<Answer>;
  /** The failure's code, or `ok`. */
  codeOf(answer: Answer): string;
}

/** In binary, since JSON would hide the text of a file in base64. */
const CONNECT_STREAM = "application/connect+proto";

/** REST, Connect (with JSON where there is no stream), and gRPC. */
export function openProtocols(urls: Urls) {
  const connections = new Map([urls.userUrl, urls.crmUrl].map((url) => [url, http2(url)] as const));

  const rest: Protocol = {
    has: (operation) => operation.rest !== null,
    async call(operation, input, token) {
      if (operation.rest === null) throw new Error(`${operation.method.name} is not in REST`);
      const { method, path, headers, body, content } = operation.rest(input);
      const response = await http1.send(urlOf(urls, operation) + path, {
        method,
        headers: {
          ...headersOf(token),
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(content !== undefined && { body: content }),
      });
      return answerOf(response);
    },
    codeOf({ status, body }) {
      if (status < 300) return "ok";
      const { code }: { code: string } = JSON.parse(body);
      return code;
    },
  };

  const connect: Protocol = {
    has: () => true,
    async call(operation, input, token) {
      const url = urlOf(urls, operation) + pathOf(operation);
      if (operation.method.methodKind !== "unary") {
        const headers = { ...headersOf(token), "content-type": CONNECT_STREAM };
        return streamAnswerOf(
          await fetch(url, { method: "POST", headers, body: framesOf(operation, input) }),
        );
      }
      const response = await http1.send(url, {
        method: "POST",
        headers: { ...headersOf(token), "content-type": "application/json" },
        body: JSON.stringify(operation.message?.(input) ?? input),
      });
      return answerOf(response);
    },
    codeOf({ status, headers, body }) {
      if (headers.includes(`content-type: ${CONNECT_STREAM}`)) {
        const { error } = endStreamFromJson(body.slice(body.lastIndexOf("\n") + 1));
        return error === undefined ? "ok" : reasonOf(error);
      }
      if (status === 200) return "ok";
      const unread = new ConnectError(body, Code.Unknown);
      return reasonOf(errorFromJsonBytes(new TextEncoder().encode(body), undefined, unread));
    },
  };

  const grpc: Protocol = {
    has: () => true,
    async call(operation, input, token) {
      const url = urlOf(urls, operation);
      const response = await connections.get(url)?.send(url + pathOf(operation), {
        method: "POST",
        headers: { ...headersOf(token), "content-type": "application/grpc", te: "trailers" },
        body: framesOf(operation, input),
      });
      if (response === undefined) throw new Error(`there is no connection to ${url}`);
      return answerOf(response);
    },
    codeOf({ headers }) {
      const error = findTrailerError(new Headers(headers.map(split)));
      return error === undefined ? "ok" : reasonOf(error);
    },
  };

  return {
    rest,
    connect,
    grpc,
    close(): void {
      for (const connection of connections.values()) connection.close();
    },
  };
}

function headersOf(token: string | undefined): Record<string, string> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return { "x-request-id": REQUEST_ID, ...authorization };
}

function pathOf({ method }: ApiOperation<unknown>): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** The request's messages, framed as gRPC and the streams of Connect have them. */
function framesOf({ method, message, messages }: ApiOperation<unknown>, input: JsonObject): Bytes {
  const schema = method.input;
  const json = messages?.(input) ?? [message?.(input) ?? input];
  const sent = json.map((each) => frame(new Uint8Array(toBinary(schema, fromJson(schema, each)))));
  return joined(...sent);
}

/** The messages, and on a line of its own what Connect says at the end of a stream. */
async function streamAnswerOf({ status, headers, body }: Response): Promise<Answer> {
  if (body === null) throw new Error("there is no body");
  const messages = await Array.fromAsync(createEnvelopeReadableStream(body));
  const texts = messages.map(({ data }) => new TextDecoder().decode(data));
  return answerOf({ status, headers, trailers: new Headers(), body: texts.join("\n") });
}

function answerOf({ status, headers, trailers, body }: HttpResponse): Answer {
  const told = [...headers, ...trailers].filter(([name]) => name !== "date");
  return { status, headers: told.map((header) => header.join(": ")).toSorted(), body };
}

function split(header: string): [string, string] {
  const [name = "", ...value] = header.split(": ");
  return [name, value.join(": ")];
}

function reasonOf(error: ConnectError): string {
  const [info] = error.findDetails(ErrorInfoSchema);
  if (info === undefined) throw new Error(`no ErrorInfo: ${error.message}`);
  return info.reason;
}

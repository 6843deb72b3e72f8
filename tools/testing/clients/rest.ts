import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2";
import { text } from "node:stream/consumers";
import { FAILURES } from "@crm/platform/errors";
import type { ApiOperation } from "../api/operation.ts";
import { expectConforming } from "../conformance.ts";
import {
  type Client,
  headersOf,
  type Refusal,
  requestIdOf,
  retryHeadersOf,
  type Urls,
  urlOf,
} from "./client.ts";

export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Of gRPC alone, and only over HTTP/2. */
  readonly trailers: Headers;
}

/** Carries requests over one version of HTTP. */
export interface Http {
  send(url: string, request: HttpRequest): Promise<HttpResponse>;
  close(): void;
}

/** HTTP/1.1, by fetch. */
export const http1: Http = {
  async send(url, request) {
    const response = await fetch(url, request);
    const { status, headers } = response;
    return { status, headers, body: await response.text(), trailers: new Headers() };
  },
  close() {},
};

/** HTTP/2 with prior knowledge: one connection for all requests. */
export function http2(origin: string): Http {
  const session = connect(origin);
  return {
    async send(url, { method, headers, body }) {
      const { pathname, search } = new URL(url);
      const target = { ":method": method, ":path": pathname + search };
      // Else a DELETE would end without its body.
      const stream = session.request({ ...target, ...headers }, { endStream: body === undefined });
      const answered = Promise.withResolvers<IncomingHttpHeaders & IncomingHttpStatusHeader>();
      const trailers = new Headers();
      stream.on("response", answered.resolve);
      stream.on("trailers", (received) => {
        for (const [name, value] of headersFrom(received)) trailers.set(name, value);
      });
      stream.on("error", answered.reject);
      stream.end(body);
      const received = await answered.promise;
      return {
        status: received[":status"] ?? 0,
        headers: headersFrom(received),
        body: await text(stream),
        trailers,
      };
    },
    close: () => session.close(),
  };
}

function headersFrom(received: IncomingHttpHeaders): Headers {
  const named = Object.entries(received).filter(([name]) => !name.startsWith(":"));
  return new Headers(named.map(([name, value]) => [name, String(value)]));
}

/** A client of the REST contract. `httpFor` opens what carries requests to a service. */
export function restClient(name: string, urls: Urls, httpFor: (origin: string) => Http): Client {
  const carriers = new Map([urls.userUrl, urls.crmUrl].map((url) => [url, httpFor(url)] as const));
  return {
    name,
    kind: "REST",
    canUpload: true,
    statusOf: (kind) => String(FAILURES[kind].status),
    async call(operation, input, options = {}) {
      if (operation.rest === null) throw new Error(`${operation.method.name} is not in REST`);
      const url = urlOf(urls, operation);
      const { method, path, body, content, ...rest } = operation.rest(input);
      const headers = {
        ...headersOf(options),
        ...rest.headers,
        ...(body !== undefined && { "content-type": "application/json" }),
      };
      const carrier = carriers.get(url) ?? http1;
      const request = {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(content !== undefined && { body: content }),
      };
      const send = async (target: string): Promise<HttpResponse> => {
        const received = await carrier.send(url + target, request);
        await expectConforming(url, method, target, received);
        return received;
      };
      const answer = await send(path);
      // As fetch does by itself.
      const location = answer.status === 301 ? answer.headers.get("location") : null;
      const response = location === null ? answer : await send(location);
      if (response.status >= 400) return refusal(response);
      requestIdOf(response.headers);
      const raw = answerOf(operation, response);
      return { ok: true, value: operation.value.parse(raw), headers: response.headers };
    },
    close() {
      for (const carrier of carriers.values()) carrier.close();
    },
  };
}

function answerOf({ stream }: ApiOperation<unknown>, { status, body }: HttpResponse): unknown {
  if (status === 204) return null;
  if (stream === "file") return body;
  if (stream === undefined) return JSON.parse(body);
  return body
    .split("\n\n")
    .flatMap((event) => /^data: (.*)$/.exec(event)?.[1] ?? [])
    .map((data): unknown => JSON.parse(data));
}

/** Reads a problem (RFC 9457). Throws if it has not the members of the contract. */
export function refusal({ status, headers, body }: HttpResponse): Refusal {
  if (!headers.get("content-type")?.startsWith("application/problem+json")) {
    throw new Error(`${status} with ${headers.get("content-type")}: ${body}`);
  }
  // Its members are checked below.
  const problem = JSON.parse(body) as Record<string, unknown>;
  const { type, title, status: told, detail, code, requestId, errors = [], ...facts } = problem;
  const complete =
    typeof type === "string" &&
    typeof title === "string" &&
    typeof detail === "string" &&
    typeof code === "string" &&
    told === status &&
    requestId === requestIdOf(headers) &&
    Array.isArray(errors);
  if (!complete) throw new Error(`not a problem of the contract: ${body}`);
  return {
    ok: false,
    status: String(status),
    code,
    message: detail,
    fields: errors.map((fault: { path: string; code: string }) => `${fault.path} ${fault.code}`),
    facts: Object.fromEntries(
      Object.entries(facts).map(([name, fact]) => [
        name,
        typeof fact === "string" ? fact : JSON.stringify(fact),
      ]),
    ),
    retry: retryHeadersOf(headers),
  };
}

import type { JsonObject } from "@bufbuild/protobuf";
import type { FailureKind } from "@crm/platform/errors";
import type { ApiOperation } from "../api/operation.ts";

export interface CallOptions {
  /** The access token; without it the call is made by nobody. */
  readonly token?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface Success<Value> {
  readonly ok: true;
  /** As REST writes it, whatever carried it. */
  readonly value: Value;
  readonly headers: Headers;
}

/** A failure that the service answered with. One that no service made is thrown instead. */
export interface Refusal {
  readonly ok: false;
  /** The HTTP status or the name of the RPC code. */
  readonly status: string;
  readonly code: string;
  readonly message: string;
  /** Path and rule of each field that was not accepted, such as `address.city too_big`. */
  readonly fields: readonly string[];
  /** Further facts, by name; what is not text is JSON. */
  readonly facts: Readonly<Record<string, string>>;
  /** The headers that say when to come back, as far as there are any. */
  readonly retry: Readonly<Record<string, string>>;
}

export type Outcome<Value> = Success<Value> | Refusal;

/** One way to call the services. Each call checks that the answer has the form of the contract. */
export interface Client {
  readonly name: string;
  readonly kind: "REST" | "RPC";
  /** Whether it can stream what it sends: no browser can, so neither Connect nor gRPC-Web made for one. */
  readonly canUpload: boolean;
  call<Value>(
    operation: ApiOperation<Value>,
    input: JsonObject,
    options?: CallOptions,
  ): Promise<Outcome<Value>>;
  /** What a failure of this kind is called here: `Refusal.status`. */
  statusOf(kind: FailureKind): string;
  close(): void;
}

/** Where the services are. */
export interface Urls {
  readonly userUrl: string;
  readonly crmUrl: string;
}

export function urlOf({ userUrl, crmUrl }: Urls, { service }: ApiOperation<unknown>): string {
  return service === "user" ? userUrl : crmUrl;
}

/** The headers that say who calls, the same over every protocol. */
export function headersOf({ token, idempotencyKey }: CallOptions): Record<string, string> {
  return {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
  };
}

export function retryHeadersOf(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    ["retry-after", "ratelimit", "ratelimit-policy"].flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}

/** The id that every response bears. */
export function requestIdOf(headers: Headers): string {
  const id = headers.get("x-request-id");
  if (id === null) throw new Error("the response has no x-request-id");
  return id;
}

import { join } from "node:path";
import { fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { FAILURES } from "@crm/platform/errors";
import { Client as Channel, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  type AnyDefinition,
  loadSync,
  type MethodDefinition,
  type PackageDefinition,
} from "@grpc/proto-loader";
import type { ApiOperation } from "../api/operation.ts";
import { type Client, headersOf, requestIdOf, type Urls, urlOf } from "./client.ts";
import { answerOf, type RpcDetails, rpcRefusal, streamAnswerOf } from "./messages.ts";

const PROTO = join(import.meta.dir, "../../../proto");
const TIMEOUT_MS = 10_000;

/** gRPC by a client that shares no code with the services, from the .proto files. */
export function grpcJsClient(name: string, urls: Urls): Client {
  const types = loadSync(
    [
      "user/v1/auth.proto",
      "user/v1/user.proto",
      "crm/v1/contact.proto",
      "crm/v1/crm.proto",
      "crm/v1/customer.proto",
      "google/rpc/error_details.proto",
      "google/rpc/status.proto",
    ],
    { longs: Number, defaults: true, includeDirs: [PROTO] },
  );
  const channels = new Map(
    [urls.userUrl, urls.crmUrl].map(
      (url) => [url, new Channel(new URL(url).host, credentials.createInsecure())] as const,
    ),
  );

  function invoke(operation: ApiOperation<unknown>, input: JsonObject, metadata: Metadata) {
    const { method } = operation;
    const channel = channels.get(urlOf(urls, operation));
    if (channel === undefined) throw new Error("the operation's service has no channel");
    const { path, requestDeserialize, requestSerialize, responseDeserialize } = methodOf(
      types,
      operation,
    );
    const json = operation.messages?.(input) ?? [operation.message?.(input) ?? input];
    const requests = json.map((message) => {
      const bytes = toBinary(method.input, fromJson(method.input, message));
      // As the loader's own library has it: a Struct, for one, is another object there.
      return requestDeserialize(Buffer.from(bytes));
    });
    const options = { deadline: Date.now() + TIMEOUT_MS };
    const call = [path, requestSerialize, responseDeserialize] as const;
    return new Promise<Answer>((resolve) => {
      let headers = new Metadata();
      const received = (metadata: Metadata): void => {
        headers = metadata;
      };
      const answered = (error: ServiceError | null, message?: object): void =>
        resolve({ error, messages: message === undefined ? [] : [message], headers });
      if (method.methodKind === "server_streaming") {
        const messages: object[] = [];
        channel
          .makeServerStreamRequest(...call, requests[0] ?? {}, metadata, options)
          .on("metadata", received)
          .on("data", (message: object) => messages.push(message))
          .on("error", (error: ServiceError) => resolve({ error, messages: [], headers }))
          .on("end", () => resolve({ error: null, messages, headers }));
      } else if (method.methodKind === "client_streaming") {
        const stream = channel.makeClientStreamRequest(...call, metadata, options, answered);
        stream.on("metadata", received);
        for (const request of requests) stream.write(request);
        stream.end();
      } else {
        channel
          .makeUnaryRequest(...call, requests[0] ?? {}, metadata, options, answered)
          .on("metadata", received);
      }
    });
  }

  return {
    name,
    kind: "RPC",
    canUpload: true,
    statusOf: (kind) => Code[FAILURES[kind].rpc],
    async call(operation, input, options = {}) {
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(headersOf(options))) metadata.set(key, value);
      const { error, messages, headers } = await invoke(operation, input, metadata);
      if (error === null) {
        const received = headersFrom(headers);
        requestIdOf(received);
        const [message] = messages;
        if (message === undefined) throw new Error("neither an answer nor an error came");
        const value = operation.stream
          ? streamAnswerOf(operation, messages)
          : answerOf(operation, message);
        return { ok: true, value, headers: received };
      }
      // A failure may come with its headers and trailers in one.
      headers.merge(error.metadata);
      return rpcRefusal(operation, {
        status: Code[error.code] ?? String(error.code),
        message: error.details,
        headers: headersFrom(headers),
        details: detailsOf(types, headers),
      });
    },
    close() {
      for (const channel of channels.values()) channel.close();
    },
  };
}

interface Answer {
  readonly error: ServiceError | null;
  readonly messages: readonly object[];
  readonly headers: Metadata;
}

function methodOf(
  types: PackageDefinition,
  { method }: ApiOperation<unknown>,
): MethodDefinition<object, object> {
  const service: AnyDefinition | undefined = types[method.parent.typeName];
  const definition = service && Reflect.get(service, method.name);
  if (definition === undefined) throw new Error(`${method.toString()} is in no .proto file`);
  return definition;
}

function headersFrom(metadata: Metadata): Headers {
  const values = Object.entries(metadata.getMap());
  return new Headers(
    values.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
}

/** As google.rpc.Status and the details within it are declared. */
interface Status {
  readonly details: readonly { readonly type_url: string; readonly value: Buffer }[];
}

function detailsOf(types: PackageDefinition, metadata: Metadata): RpcDetails {
  const [bytes] = metadata.get("grpc-status-details-bin");
  const status = Buffer.isBuffer(bytes) ? decode<Status>(types, "google.rpc.Status", bytes) : null;
  const found = <Detail>(name: string): Detail | undefined => {
    const any = status?.details.find(({ type_url }) => type_url.endsWith(`/${name}`));
    return any && decode<Detail>(types, name, any.value);
  };
  const badRequest = found<{ fieldViolations: RpcDetails["violations"] }>("google.rpc.BadRequest");
  const retryInfo = found<Pick<RpcDetails, "retryDelay">>("google.rpc.RetryInfo");
  return {
    info: found("google.rpc.ErrorInfo"),
    violations: badRequest?.fieldViolations ?? [],
    retryDelay: retryInfo?.retryDelay,
  };
}

function decode<Decoded>(types: PackageDefinition, name: string, bytes: Buffer): Decoded {
  const type = types[name];
  if (type === undefined || !("deserialize" in type) || typeof type.deserialize !== "function") {
    throw new Error(`${name} is in no .proto file`);
  }
  // What the .proto files declare, and the loader's types do not know.
  return type.deserialize(bytes) as Decoded;
}

import {
  type DescMessage,
  type DescMethodUnary,
  fromJson,
  type JsonObject,
  toBinary,
} from "@bufbuild/protobuf";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { UserService } from "@crm/proto/user/v1/user_pb";
import { emptyMethod } from "../empty-method.ts";
import type { Lanes } from "./generator.ts";
import { openHttp2 } from "./http2.ts";

/** What can be called; a job crosses processes, so it names its method. */
const METHODS = {
  getContact: ContactService.method.getContact,
  validateToken: UserService.method.validateToken,
  empty: emptyMethod,
} as const satisfies Record<string, DescMethodUnary>;

export interface GrpcLoad {
  readonly kind: "grpc";
  readonly origin: string;
  readonly method: keyof typeof METHODS;
  /** Each call sends one of them (proto JSON), at random. */
  readonly messages: readonly JsonObject[];
  readonly headers: Readonly<Record<string, string>>;
}

/** gRPC's prefix of a message: a flag (compressed or not) and the length, in four bytes. */
const PREFIX_BYTES = 5;

/**
 * Calls of one method; all lanes are streams of one connection. It is bare HTTP/2, and the messages
 * are encoded beforehand: connect-node's client would cost as much as the servers that are measured.
 */
export async function grpcLanes(load: GrpcLoad, lanes: number): Promise<Lanes> {
  const method: DescMethodUnary<DescMessage, DescMessage> = METHODS[load.method];
  const messages = load.messages.map((message) => prefixed(method.input, message));
  const { post, close } = await openHttp2(load.origin, {
    path: `/${method.parent.typeName}/${method.name}`,
    headers: { "content-type": "application/grpc", te: "trailers", ...load.headers },
  });
  const send = async (): Promise<void> => {
    const message = messages[Math.floor(Math.random() * messages.length)];
    if (message === undefined) throw new Error("there is nothing to send");
    const answer = await post(message);
    // A call that fails is answered without a message.
    if (answer.length < PREFIX_BYTES || answer.readUInt32BE(1) !== answer.length - PREFIX_BYTES) {
      throw new Error(`not an answer to ${method.name}: ${answer.length} bytes`);
    }
  };
  return { lanes: Array.from({ length: lanes }, () => send), close: async () => close() };
}

function prefixed(schema: DescMessage, json: JsonObject): Buffer<ArrayBuffer> {
  const message = toBinary(schema, fromJson(schema, json));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

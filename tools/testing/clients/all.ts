import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import {
  createGrpcWebTransport,
  createConnectTransport as createWebTransport,
} from "@connectrpc/connect-web";
import type { Client, Urls } from "./client.ts";
import { connectClient } from "./connect.ts";
import { grpcJsClient } from "./grpc-js.ts";
import { http1, http2, restClient } from "./rest.ts";

/** A client of each kind that the contract names. Whoever opens them closes them. */
export function openClients(urls: Urls): readonly Client[] {
  return [
    restClient("REST over HTTP/1.1", urls, () => http1),
    restClient("REST over HTTP/2", urls, http2),
    connectClient("Connect, JSON over HTTP/1.1", urls, (baseUrl) =>
      createWebTransport({ baseUrl, useBinaryFormat: false }),
    ),
    connectClient(
      "Connect, binary over HTTP/2",
      urls,
      (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
      true,
    ),
    connectClient("gRPC-Web over HTTP/1.1", urls, (baseUrl) => createGrpcWebTransport({ baseUrl })),
    connectClient("gRPC", urls, (baseUrl) => createGrpcTransport({ baseUrl }), true),
    grpcJsClient("gRPC by grpc-js", urls),
  ];
}

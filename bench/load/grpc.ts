import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import type { Lanes } from "./generator.ts";

export interface GrpcLoad {
  readonly kind: "grpc";
  readonly origin: string;
  readonly token: string;
  /** Each call asks for one of them, at random. */
  readonly contactIds: readonly string[];
}

/** Calls of `ContactService.GetContact` by connect-node; all lanes are streams of one connection. */
export async function grpcLanes(load: GrpcLoad, lanes: number): Promise<Lanes> {
  const sessionManager = new Http2SessionManager(load.origin);
  const contacts = createClient(
    ContactService,
    createGrpcTransport({ baseUrl: load.origin, sessionManager }),
  );
  const headers = { authorization: `Bearer ${load.token}` };
  const send = async (): Promise<void> => {
    const id = load.contactIds[Math.floor(Math.random() * load.contactIds.length)] ?? "";
    await contacts.getContact({ id }, { headers });
  };
  // Opens the connection.
  await send();
  return {
    lanes: Array.from({ length: lanes }, () => send),
    close: async () => sessionManager.abort(),
  };
}

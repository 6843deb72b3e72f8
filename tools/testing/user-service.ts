import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { UserService, type ValidateTokenResponseSchema } from "@crm/proto/user/v1/user_pb";

type Answer = MessageInitShape<typeof ValidateTokenResponseSchema>;

/** One try of a call, as it arrived. */
export interface Asked {
  /** The token, or the id of GetUserPermissions. */
  readonly token: string;
  /** What `grpc-timeout` said. */
  readonly timeoutMs: number;
  /** Aborted when the caller cancels, or its time is up. */
  readonly signal: AbortSignal;
}

/** A UserService over gRPC whose answers are the test's to decide. */
export interface ScriptedUserService {
  readonly port: number;
  readonly url: string;
  /** Every try but probes, in the order of arrival. */
  readonly asked: Asked[];
  /** The probes (ValidateToken of an empty token). */
  readonly probes: Asked[];
  /** The most probes that were there at once. */
  readonly probesAtOnce: number;
  /** Connections that were made so far. */
  readonly connections: number;
  /** Those of them that are still there. */
  readonly open: number;
  /** Decides on every try, also on probes, which are answered `unauthenticated` after it. */
  script: (asked: Asked) => Promise<Answer> | Answer;
  stop(): Promise<void>;
}

/** Somebody, whose token ends in an hour. */
export function somebody(change: Answer = {}): Answer {
  return {
    tenantId: Bun.randomUUIDv7(),
    userId: Bun.randomUUIDv7(),
    sessionId: Bun.randomUUIDv7(),
    role: "sales",
    permissions: [{ resource: "contacts", action: "read", scope: "all" }],
    expiresAt: timestampFromMs(Date.now() + 3_600_000),
    ...change,
  };
}

/** Never answers, until the caller has had enough. */
export async function hang({ signal }: Asked): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw new ConnectError("too late", Code.Unavailable);
}

/** Answers that it cannot serve. */
export function refuse(): never {
  throw new ConnectError("not now", Code.Unavailable);
}

/** Listens on a free port of 127.0.0.1, or where it is told. */
export async function scriptedUserService(
  where: { readonly port?: number; readonly host?: string } = {},
): Promise<ScriptedUserService> {
  const { port = 0, host = "127.0.0.1" } = where;
  const asked: Asked[] = [];
  const probes: Asked[] = [];
  let probing = 0;
  let probesAtOnce = 0;
  let connections = 0;
  const sessions = new Set<ServerHttp2Session>();

  async function probed(probe: Asked): Promise<never> {
    probes.push(probe);
    probing++;
    probesAtOnce = Math.max(probesAtOnce, probing);
    try {
      await service.script(probe);
    } finally {
      probing--;
    }
    throw new ConnectError("nobody", Code.Unauthenticated);
  }

  function arrived(token: string, context: HandlerContext): Asked {
    const timeout = context.requestHeader.get("grpc-timeout") ?? "";
    if (!timeout.endsWith("m")) throw new Error(`not milliseconds: ${timeout}`);
    return { token, timeoutMs: Number(timeout.slice(0, -1)), signal: context.signal };
  }

  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(UserService, {
          async validateToken({ token }, context) {
            const call = arrived(token, context);
            if (token === "") return probed(call);
            asked.push(call);
            return service.script(call);
          },
          async getUserPermissions({ userId }, context) {
            const call = arrived(userId, context);
            asked.push(call);
            await service.script(call);
            return {};
          },
        }),
    }),
  );
  server.on("session", (session) => {
    connections++;
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP port");

  const service: ScriptedUserService = {
    port: address.port,
    url: `http://${host}:${address.port}`,
    asked,
    probes,
    get probesAtOnce() {
      return probesAtOnce;
    },
    get connections() {
      return connections;
    },
    get open() {
      return sessions.size;
    },
    script: () => somebody(),
    async stop() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return service;
}

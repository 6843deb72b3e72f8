import type { Lanes } from "./generator.ts";

export interface HttpLoad {
  readonly kind: "http";
  readonly origin: string;
  /** Each request is one of them, at random. */
  readonly requests: readonly HttpRequest[];
  readonly headers: Readonly<Record<string, string>>;
}

/** A GET, or with a body, which is sent as JSON, a POST. */
export interface HttpRequest {
  readonly path: string;
  readonly body?: object;
}

/**
 * Connections that are kept alive, one a lane, each a bare socket: `fetch` would cost more than some
 * of the servers that are measured. The requests are written out beforehand, and of an answer only
 * status and length are read.
 */
export async function httpLanes(load: HttpLoad, lanes: number): Promise<Lanes> {
  const { hostname, port, host } = new URL(load.origin);
  const requests = load.requests.map((request) => written(request, { host, ...load.headers }));
  const connections = await Promise.all(
    Array.from({ length: lanes }, () => openConnection(hostname, Number(port))),
  );
  return {
    lanes: connections.map(({ exchange }) => async () => {
      const request = requests[Math.floor(Math.random() * requests.length)];
      if (request === undefined) throw new Error("there is nothing to ask for");
      await exchange(request);
    }),
    close: async () => {
      for (const { close } of connections) close();
    },
  };
}

function written({ path, body }: HttpRequest, headers: Readonly<Record<string, string>>): Buffer {
  const json = body === undefined ? "" : JSON.stringify(body);
  const length = String(Buffer.byteLength(json));
  const all = {
    ...headers,
    ...(body && { "content-type": "application/json", "content-length": length }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const method = body === undefined ? "GET" : "POST";
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${json}`);
}

export interface Connection {
  /** Sends a request, and resolves when the answer to it, with status 200, is there. */
  exchange(request: Buffer): Promise<void>;
  close(): void;
}

export async function openConnection(hostname: string, port: number): Promise<Connection> {
  let pending: PromiseWithResolvers<void> | undefined;
  let received: Buffer | undefined;

  function settle(error?: Error): void {
    const settled = pending;
    pending = undefined;
    received = undefined;
    if (error) settled?.reject(error);
    else settled?.resolve();
  }

  const socket = await Bun.connect({
    hostname,
    port,
    socket: {
      data(_socket, bytes) {
        received = received ? Buffer.concat([received, bytes]) : bytes;
        const left = missing(received);
        if (left instanceof Error) settle(left);
        else if (left === 0) settle();
      },
      error: (_socket, error) => settle(error),
      close: () =>
        settle(new Error("the server closed the connection before its answer was whole")),
    },
  });

  return {
    exchange(request) {
      pending = Promise.withResolvers();
      const { promise } = pending;
      // With nothing else in flight there is room for a request, or the connection is gone.
      if (socket.write(request) !== request.length) settle(new Error("the connection is closed"));
      return promise;
    },
    close: () => void socket.end(),
  };
}

const HEAD_END = Buffer.from("\r\n\r\n");

/** Bytes of an answer that are still to come (at least), or why it is not what was asked for. */
function missing(received: Buffer): number | Error {
  const end = received.indexOf(HEAD_END);
  if (end === -1) return 1;
  const head = received.toString("latin1", 0, end);
  if (!head.startsWith("HTTP/1.1 200 ")) {
    return new Error(`not the answer that was expected: ${received.toString().slice(0, 500)}`);
  }
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) return new Error("only answers with Content-Length can be read");
  const left = end + HEAD_END.length + Number(length) - received.length;
  return left < 0 ? new Error("there is more than one answer") : left;
}

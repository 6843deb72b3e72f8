import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A way to a TCP server that can be made worse. */
export interface Proxy {
  readonly port: number;
  /** Connections that were made so far. */
  readonly connections: number;
  /** From now on, holds every chunk back for so long, in both directions. */
  delay(ms: number): void;
  /** Passes nothing on over the connections that there are, as if their packets were lost. */
  stall(): void;
  /** Cuts the connections that there are, and every new one until `restore`. */
  cut(): void;
  restore(): void;
  close(): Promise<void>;
}

/** Opens a proxy in front of a port of 127.0.0.1. */
export async function openProxy(target: number): Promise<Proxy> {
  /** Both ends of each connection, until it is stalled. */
  const open = new Set<Socket>();
  const stalled = new Set<Socket>();
  let connections = 0;
  let delayMs = 0;
  let refusing = false;

  function pass(from: Socket, to: Socket): void {
    let order = Promise.resolve();
    from.on("data", (chunk) => {
      const due = delayMs === 0 ? undefined : Bun.sleep(delayMs);
      order = order.then(async () => {
        await due;
        if (!stalled.has(from)) to.write(chunk);
      });
    });
    from.on("error", () => {});
    from.on("close", () => {
      open.delete(from);
      if (!stalled.has(from)) to.destroy();
    });
  }

  const server = createServer((client) => {
    connections++;
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(target, "127.0.0.1");
    open.add(client).add(upstream);
    pass(client, upstream);
    pass(upstream, client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP port");

  const cut = (): void => {
    refusing = true;
    for (const socket of [...open, ...stalled]) socket.destroy();
  };
  return {
    port: address.port,
    get connections() {
      return connections;
    },
    delay(ms) {
      delayMs = ms;
    },
    stall() {
      for (const socket of open) stalled.add(socket);
      open.clear();
    },
    cut,
    restore() {
      refusing = false;
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

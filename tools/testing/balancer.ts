import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

const POLL_MS = 50;

/** A load balancer of layer 4, as Kubernetes' Services are: it places connections, and no more. */
export interface Balancer {
  readonly url: string;
  /** Adds an instance, which gets connections as long as its `/ready` answers 200. */
  add(port: number): void;
  /** Those that get connections now. */
  readonly ready: ReadonlySet<number>;
  stop(): void;
}

/** Starts one, at any free port, that gives the ready instances connections in turn. */
export async function startBalancer(): Promise<Balancer> {
  const instances = new Set<number>();
  const ready = new Set<number>();
  const sockets = new Set<Socket>();
  let turn = 0;

  const server = createServer((front) => {
    const ports = [...ready];
    const port = ports[turn++ % ports.length];
    if (port === undefined) {
      front.destroy();
      return;
    }
    const back = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [front, back],
      [back, front],
    ] as const) {
      sockets.add(one);
      one.setNoDelay();
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        // Not destroyed: what was passed on last may still be on its way.
        other.end();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP port");

  const look = async (port: number): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, { keepalive: false }).catch(
      () => undefined,
    );
    if (response?.ok) ready.add(port);
    else ready.delete(port);
  };
  const polling = setInterval(() => void Promise.all(Array.from(instances, look)), POLL_MS);

  return {
    url: `http://127.0.0.1:${address.port}`,
    add: (port) => void instances.add(port),
    ready,
    stop() {
      clearInterval(polling);
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

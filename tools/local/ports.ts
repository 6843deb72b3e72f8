import { createServer } from "node:net";

/** Whether nothing listens on a TCP port of `host`, and this process may. */
export async function isFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return (await tryToListen(port, host)) !== undefined;
}

/**
 * A TCP port of 127.0.0.1 that was free a moment ago: `preferred`, or else one that the operating
 * system picks.
 */
export async function freePort(preferred = 0): Promise<number> {
  const port = (await tryToListen(preferred, "127.0.0.1")) ?? (await tryToListen(0, "127.0.0.1"));
  if (port === undefined) throw new Error("no TCP port of 127.0.0.1 is free");
  return port;
}

async function tryToListen(port: number, host: string): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === "object" && address ? address.port : undefined;
      server.close(() => resolve(found));
    });
  });
}

import { Fault } from "./fault.ts";
import { freePort } from "./ports.ts";
import { endWithUs, howItEnds, stopProcess } from "./process.ts";

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;
const POLL_MS = 10;

export interface Redis {
  readonly url: string;
  readonly pid: number;
  /** Resolves, when the server has ended for whatever reason, with how. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts the `redis-server` of the PATH on a free port of 127.0.0.1, writing nothing to disk. It ends
 * when this process does. Null if none is installed.
 */
export async function startRedis(): Promise<Redis | null> {
  const program = Bun.which("redis-server");
  if (program === null) return null;
  const port = await freePort();
  const server = Bun.spawn(
    [program, "--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no"],
    // Detached: Ctrl-C must not reach the server before the services are done with it.
    { stdio: ["ignore", "ignore", "ignore"], cwd: "/", detached: true },
  );
  endWithUs(server, "SIGTERM");
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (server.exitCode !== null || server.signalCode !== null || Date.now() > deadline) {
      await stopProcess(server, "SIGTERM", STOP_TIMEOUT_MS);
      throw new Fault(
        `${program} does not start (${await howItEnds(server)}). Try it by hand, or set REDIS_URL.`,
      );
    }
    await Bun.sleep(POLL_MS);
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: server.pid,
    ended: howItEnds(server),
    stop: () => stopProcess(server, "SIGTERM", STOP_TIMEOUT_MS),
  };
}

/** Whether a server takes connections there, and answers PING in Redis' protocol. */
async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write("PING\r\n"),
        data: (socket, bytes) => {
          resolve(bytes.toString().startsWith("+PONG"));
          socket.end();
        },
        close: () => resolve(false),
      },
    }).catch(() => resolve(false));
  });
}

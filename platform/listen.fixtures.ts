import { connect, type Socket } from "node:net";

/** A connection whose every byte the test decides, and what came back over it. */
export interface RawClient {
  readonly socket: Socket;
  /** All that was received, as Latin-1. */
  readonly received: () => string;
  /** Resolves with what was received as soon as it holds `text` so many times; fails if it cannot. */
  readonly receives: (text: string, times?: number) => Promise<string>;
  /** Resolves when the other side has closed; the error's code, or "FIN". */
  readonly closed: Promise<string>;
}

export function rawClient(port: number, host = "127.0.0.1"): RawClient {
  const socket = connect({ port, host, allowHalfOpen: true });
  socket.setNoDelay(true);
  let received = "";
  const changed = new Set<() => void>();
  const closed = new Promise<string>((resolve) => {
    socket.once("end", () => resolve("FIN"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once("close", () => resolve("FIN"));
  });
  socket.on("data", (bytes) => {
    received += bytes.toString("latin1");
    for (const check of changed) check();
  });
  return {
    socket,
    received: () => received,
    receives(text, times = 1) {
      const arrived = new Promise<string>((resolve) => {
        function check() {
          if (received.split(text).length <= times) return;
          changed.delete(check);
          resolve(received);
        }
        changed.add(check);
        check();
      });
      const lost = closed.then((how) => {
        if (received.split(text).length > times) return received;
        throw new Error(
          `closed (${how}) without ${JSON.stringify(text)}: ${JSON.stringify(received)}`,
        );
      });
      return Promise.race([arrived, lost]);
    },
    closed,
  };
}

/** Asks until it holds, at most `ms`. */
export async function eventually(
  what: string,
  ms: number,
  holds: () => boolean | Promise<boolean>,
) {
  const deadline = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await Bun.sleep(20);
  }
}

export const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** One HTTP/2 frame (RFC 9113 §4.1). */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const SETTINGS = frame(4, 0, 0);

/** `GET /` of authority `a` in HPACK (RFC 7541), and a HEADERS frame of it that ends its stream. */
export const GET = Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 0x61]);
export const getFrame = (stream: number) => frame(1, 0x5, stream, GET);

import {
  abandon,
  type Client,
  type Connection,
  extend,
  MAX_HEAD_BYTES,
  newConnection,
  type Protocol,
  sendBack,
  sendFront,
  unsent,
} from "./connection.ts";

export interface SpliceLimits {
  /** Milliseconds for a request's head, and for HTTP/2's preface and settings. */
  readonly headMs: number;
  /** Milliseconds without progress until a connection is closed; `openSplicePort` says what counts. */
  readonly idleMs: number;
  /** The same for HTTP/2, whose clients keep connections for later. */
  readonly http2IdleMs: number;
  /** One connection more is closed at once. Each takes up to three descriptors. */
  readonly maxConnections: number;
}

export interface SpliceOptions {
  readonly hostname: string;
  readonly port: number;
  /** The loopback ports of the servers behind. */
  readonly http1Port: number;
  readonly http2Port: number;
  /** The whole answer to an HTTP/1.1 request whose head is too large; it closes the connection. */
  readonly headTooLarge: () => Buffer;
  readonly limits: SpliceLimits;
}

export interface SplicePort {
  readonly port: number;
  /**
   * Notes that the server behind for that protocol has read a request's head, or HTTP/2's settings,
   * from that address. Gives the client whose they are; `undefined` if they did not come through this
   * port.
   */
  arrived(
    protocol: Protocol,
    address: string | undefined,
    port: number | undefined,
  ): Client | undefined;
  /**
   * Stops accepting and closes what is idle; an HTTP/1.1 connection closes after the answer that it
   * is owed, an HTTP/2 one when the server behind closes it. Resolves when all are closed; those
   * that remain after `graceMs` are cut.
   */
  close(graceMs: number): Promise<void>;
}

export const LOOPBACK = "127.0.0.1";

/** What HTTP/2 begins with and HTTP/1.1 cannot (RFC 9113 §3.4); node:http2 wants the rest of it. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\n");

/** A body, or HTTP/2 frames, that bring less than this in the idle time make no progress. */
const PROGRESS_BYTES = 65_536;

/** How long the client has to read the last bytes and close, before it is closed (RFC 9112 §9.6). */
const LINGER_MS = 2_000;

/**
 * One TCP port in front of an HTTP/1.1 and an HTTP/2 server on loopback ports of the same process.
 * The first bytes decide which of them a connection is for (RFC 9113 §3.4); from then on bytes are
 * passed both ways, with back-pressure, as they are.
 *
 * The servers' own timeouts do not see what happens here, so these rules hold instead:
 *
 * - A head must be complete within `headMs` of its first byte, the first one of a connection (and
 *   HTTP/2's preface and settings) within `headMs` of accepting. Bytes that dribble change nothing.
 * - After that, a connection is closed when for `idleMs` (`http2IdleMs`) the client has taken no byte
 *   and has sent less than 64 KiB. So a slow upload or download may last; a dribbled one may not.
 *   The time also bounds how long a handler may be silent. An HTTP/2 PING counts through its answer.
 *
 * A head over HTTP/1.1 that is larger than `MAX_HEAD_BYTES` is answered here, and read no further:
 * Bun.serve would answer without a body. HTTP/2's heads are its server's to bound.
 *
 * Bun.serve ends a connection on which a request arrives while the one before is being answered
 * (oven-sh/bun#38128), and on FIN. So the second request is kept back until the first has its
 * answer, and so is the end of a client that closed its writing half; node:http2 knows no half-closed
 * connections, and takes FIN for the end.
 */
export function openSplicePort(options: SpliceOptions): SplicePort {
  const { limits } = options;
  const connections = new Set<Connection>();
  const byBack = new Map<string, Connection>();
  const allClosed = Promise.withResolvers<void>();
  let closing = false;

  /** The local port alone is not enough: each of the two servers may get a connection from it. */
  function backKey(protocol: Protocol | undefined, localPort: number): string {
    return `${protocol}:${localPort}`;
  }

  function progress(c: Connection): void {
    if (!c.opening) extend(c, c.protocol === "http2" ? limits.http2IdleMs : limits.idleMs);
  }

  function readFront(c: Connection): void {
    if (!c.toBack && !c.pipelined) c.front.resume();
  }

  /** Closes at once; with FIN if the client has been sent all that was for it, else with RST. */
  function hangUp(c: Connection): void {
    if (c.toFront) c.front.terminate();
    else c.front.end();
  }

  /** Closes as soon as the client has what is left for it. */
  function finish(c: Connection): void {
    c.finishing = true;
    if (c.toFront) return;
    if (c.clientEnded) {
      c.front.end();
      return;
    }
    // Closing with bytes unread would send RST, and the client might lose the answer to it.
    c.front.shutdown();
    c.front.resume();
    extend(c, LINGER_MS);
  }

  function fromClient(c: Connection, bytes: Buffer): void {
    if (c.finishing) return;
    if (!c.back) {
      c.early = c.early.length === 0 ? bytes : Buffer.concat([c.early, bytes]);
      if (!c.protocol) recognise(c);
    } else if (c.protocol === "http2") {
      received(c, bytes.length);
      sendBack(c, bytes);
    } else {
      passRequests(c, bytes);
    }
  }

  function received(c: Connection, bytes: number): void {
    c.received += bytes;
    if (c.received >= PROGRESS_BYTES) progress(c);
  }

  function recognise(c: Connection): void {
    const length = Math.min(c.early.length, PREFACE.length);
    const prefaced = c.early.compare(PREFACE, 0, length, 0, length) === 0;
    if (prefaced && length < PREFACE.length) return;
    c.protocol = prefaced ? "http2" : "http1";
    c.front.pause();
    Bun.connect({
      hostname: LOOPBACK,
      port: prefaced ? options.http2Port : options.http1Port,
      data: c,
      socket: back,
    }).catch((error) => abandon(c, error));
  }

  /** Passes on requests up to the first that must wait for the answer to the one before it. */
  function passRequests(c: Connection, bytes: Buffer): void {
    let from = 0;
    while (from < bytes.length && c.unanswered <= 0) {
      if (c.requests.position === "start" && !c.opening) {
        c.opening = true;
        extend(c, limits.headMs);
      }
      const end = c.requests.next(bytes, from);
      if (c.requests.headLength > MAX_HEAD_BYTES) {
        sendFront(c, options.headTooLarge());
        finish(c);
        c.back?.terminate();
        return;
      }
      if (end !== -1) c.unanswered += 1;
      const stop = end === -1 ? bytes.length : end;
      sendBack(c, bytes.subarray(from, stop));
      from = stop;
    }
    if (from < bytes.length) {
      const rest = bytes.subarray(from);
      c.pipelined = c.pipelined ? Buffer.concat([c.pipelined, rest]) : rest;
      c.front.pause();
    }
    received(c, from);
  }

  /** Goes on after a request or an answer has ended. */
  function next(c: Connection): void {
    if (c.finishing || c.unanswered > 0) return;
    if (c.requests.position === "start" && (closing || (c.clientEnded && !c.pipelined))) {
      finish(c);
      c.back?.terminate();
    } else if (c.pipelined) {
      const requests = c.pipelined;
      c.pipelined = undefined;
      passRequests(c, requests);
      readFront(c);
    }
  }

  const back: Bun.SocketHandler<Connection, "buffer"> = {
    open(socket) {
      const c = socket.data;
      if (!connections.has(c)) {
        socket.terminate();
        return;
      }
      c.back = socket;
      c.backKey = backKey(c.protocol, socket.localPort);
      byBack.set(c.backKey, c);
      fromClient(c, c.early);
      c.early = Buffer.alloc(0);
      readFront(c);
    },
    data(socket, bytes) {
      const c = socket.data;
      progress(c);
      sendFront(c, bytes);
      if (c.protocol === "http2") return;
      for (let at = c.responses.next(bytes, 0); at !== -1; at = c.responses.next(bytes, at)) {
        c.unanswered -= 1;
      }
      next(c);
    },
    drain(socket) {
      const c = socket.data;
      if (!c.toBack) return;
      c.toBack = unsent(socket, c.toBack);
      readFront(c);
    },
    end(socket) {
      finish(socket.data);
    },
    close(socket) {
      const c = socket.data;
      // The port may be another connection's by now.
      if (byBack.get(c.backKey) === c) byBack.delete(c.backKey);
      // Without FIN before: what the client has may be half an answer, and must not look whole.
      if (!c.finishing) c.front.terminate();
    },
    error: (socket, error) => abandon(socket.data, error),
  };

  const listener = Bun.listen<Connection>({
    hostname: options.hostname,
    port: options.port,
    exclusive: true,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        const c = newConnection(socket, limits.headMs);
        socket.data = c;
        if (connections.size < limits.maxConnections) connections.add(c);
        else socket.terminate();
      },
      data: (socket, bytes) => fromClient(socket.data, bytes),
      drain(socket) {
        const c = socket.data;
        if (!c.toFront) return;
        c.toFront = unsent(socket, c.toFront);
        progress(c);
        if (c.toFront) return;
        if (c.finishing) finish(c);
        else c.back?.resume();
      },
      end(socket) {
        const c = socket.data;
        c.clientEnded = true;
        const whole = c.protocol === "http1" && c.requests.position === "start";
        if (c.finishing) finish(c);
        else if (whole) next(c);
        else hangUp(c);
      },
      close(socket) {
        const c = socket.data;
        c.back?.terminate();
        connections.delete(c);
        if (closing && connections.size === 0) allClosed.resolve();
      },
      error: (socket, error) => abandon(socket.data, error),
    },
  });

  const sweep = setInterval(
    () => {
      const now = performance.now();
      for (const c of connections) if (now > c.deadline) hangUp(c);
    },
    Math.min(limits.headMs / 4, 1_000),
  );

  return {
    port: listener.port,
    arrived(protocol, address, port) {
      if (address !== LOOPBACK || port === undefined) return undefined;
      const c = byBack.get(backKey(protocol, port));
      if (!c) return undefined;
      c.opening = false;
      progress(c);
      return c.client;
    },
    async close(graceMs) {
      closing = true;
      listener.stop();
      for (const c of connections) {
        const idle = c.requests.position === "start" && c.unanswered <= 0;
        if (!c.finishing && (c.opening || (c.protocol === "http1" && idle))) hangUp(c);
      }
      const cut = setTimeout(() => {
        for (const c of connections) c.front.terminate();
      }, graceMs);
      if (connections.size > 0) await allClosed.promise;
      clearTimeout(cut);
      clearInterval(sweep);
    },
  };
}

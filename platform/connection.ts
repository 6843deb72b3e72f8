import type { Socket } from "bun";
import { type MessageScanner, messageScanner } from "./message-scanner.ts";

/**
 * What a request's head may have, in bytes (of HTTP/2: as RFC 9113 §6.5.2 counts). Far more than any
 * needs, so that a token of whatever length gets the answer that every wrong token gets.
 */
export const MAX_HEAD_BYTES = 131_072;

/** Who is at the other end of a connection. */
export interface Client {
  /** IP address; an IPv4 one that arrived as IPv4-mapped IPv6 is written as IPv4. */
  readonly address: string;
}

export type Protocol = "http1" | "http2";

/** What is known of a connection that is passed on to a server behind. */
export interface Connection {
  readonly client: Client;
  /** The client's socket, and the one to the server behind. */
  readonly front: Socket<Connection>;
  back: Socket<Connection> | undefined;
  protocol: Protocol | undefined;
  /** Protocol and local port of `back`. */
  backKey: string;
  /** What the client sent before the protocol was known and the server behind reached. */
  early: Buffer;
  /** What a socket's kernel buffer had no room for. While there is any, its source is paused. */
  toBack: Buffer | undefined;
  toFront: Buffer | undefined;
  /** Requests that came before the answer to the one ahead of them; the client is paused. */
  pipelined: Buffer | undefined;
  readonly requests: MessageScanner;
  readonly responses: MessageScanner;
  /** Requests passed on in full, minus responses: -1 if the server answers before it has read all. */
  unanswered: number;
  /** In a request's head, or HTTP/2's preface and settings: no progress extends the deadline. */
  opening: boolean;
  deadline: number;
  /** Bytes that came from the client since the deadline was last extended. */
  received: number;
  /** The client has sent FIN. */
  clientEnded: boolean;
  /** Nothing more will go to the client but `toFront`. */
  finishing: boolean;
}

/** A connection whose first bytes are awaited for `headMs`. */
export function newConnection(front: Socket<Connection>, headMs: number): Connection {
  let method = "";
  return {
    client: { address: ipAddress(front.remoteAddress) },
    front,
    back: undefined,
    protocol: undefined,
    backKey: "",
    early: Buffer.alloc(0),
    toBack: undefined,
    toFront: undefined,
    pipelined: undefined,
    requests: messageScanner((firstLine, announced) => {
      method = firstLine.slice(0, firstLine.indexOf(" "));
      return announced ?? 0;
    }),
    responses: messageScanner((firstLine, announced) => {
      const status = firstLine.split(" ", 2)[1] ?? "";
      if (status.startsWith("1")) return undefined;
      if (method === "HEAD" || status === "204" || status === "304") return 0;
      return announced ?? Infinity;
    }),
    unanswered: 0,
    opening: true,
    deadline: performance.now() + headMs,
    received: 0,
    clientEnded: false,
    finishing: false,
  };
}

/** Writes what the socket has room for, and gives the rest. A closed socket swallows all. */
export function unsent(socket: Socket<Connection> | undefined, bytes: Buffer): Buffer | undefined {
  const written = socket ? socket.write(bytes) : -1;
  return written === -1 || written === bytes.length ? undefined : bytes.subarray(written);
}

/** Sends to the server behind, and pauses the client if there is no room. */
export function sendBack(c: Connection, bytes: Buffer): void {
  c.toBack = c.toBack ? Buffer.concat([c.toBack, bytes]) : unsent(c.back, bytes);
  if (c.toBack) c.front.pause();
}

/** Sends to the client, and pauses the server behind if there is no room. */
export function sendFront(c: Connection, bytes: Buffer): void {
  c.toFront = c.toFront ? Buffer.concat([c.toFront, bytes]) : unsent(c.front, bytes);
  if (c.toFront) c.back?.pause();
}

/** Gives a connection so many milliseconds more from now on. */
export function extend(c: Connection, ms: number): void {
  c.deadline = performance.now() + ms;
  c.received = 0;
}

/** Ends a connection after an error that is nobody's at the other ends: it must cost no more. */
export function abandon(c: Connection, error: Error): void {
  process.emitWarning(error);
  c.front.terminate();
}

/** Writes an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) as the IPv4 address that it is. */
export function ipAddress(address: string): string {
  return /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? address;
}

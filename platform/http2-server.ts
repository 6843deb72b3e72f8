import { once } from "node:events";
import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type Client, MAX_HEAD_BYTES } from "./connection.ts";
import { LOOPBACK, type SplicePort } from "./splice.ts";

/** Answers one stream. */
export type Http2Handler = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  client: Client,
) => void;

export interface Http2Server {
  readonly port: number;
  /**
   * Tells the clients to open no more streams; those that are on their way are still answered, for
   * `noticeMs` (RFC 9113 §6.8). Then each connection ends with its last stream.
   */
  goAway(noticeMs: number): NodeJS.Timeout;
  /** Ends all that is left. */
  stop(): Promise<void>;
}

/** In GOAWAY, excludes no stream. */
const LAST_STREAM = 2 ** 31 - 1;
/** RFC 9113 §6.5.2. The default of node:http2 on Bun admits 10,000 streams at once. */
const SETTINGS = { maxConcurrentStreams: 100, maxHeaderListSize: MAX_HEAD_BYTES };

/**
 * Serves HTTP/2 on a loopback port, for connections that come through `front` and no other.
 *
 * Of the known abuses, node:http2 on Bun 1.4.5 was seen to end the session by itself after 1,000
 * resets (CVE-2023-44487), PINGs or SETTINGS in a burst, after as many empty DATA frames, and after
 * some hundred streams beyond the limit. It resets a stream whose header list is too large, and ends
 * the session (COMPRESSION_ERROR) at a field of 64 KiB or more, which its HPACK decoder cannot hold.
 */
export async function serveHttp2(
  handler: Http2Handler,
  headMs: number,
  front: () => SplicePort,
): Promise<Http2Server> {
  const sessions = new Set<ServerHttp2Session>();

  const server = createServer({ settings: SETTINGS }, (request, response) => {
    const { remoteAddress, remotePort } = request.socket;
    const client = front().arrived("http2", remoteAddress, remotePort);
    if (!client) {
      request.stream.session?.destroy();
      return;
    }
    resetUnreadBody(request.stream);
    try {
      handler(request, response, client);
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(String(error));
      process.emitWarning(fault);
      // Of the ways to reset a stream, Bun 1.4.5 sends the client an error for this one only.
      request.stream.destroy(fault);
    }
  });

  server.on("session", (session) => {
    sessions.add(session);
    // The front knows a connection before its first byte, but not before it is accepted here.
    const silent = setTimeout(() => session.destroy(), headMs);
    session.once("remoteSettings", () => {
      clearTimeout(silent);
      const { remoteAddress, remotePort } = session.socket;
      if (!front().arrived("http2", remoteAddress, remotePort)) session.destroy();
    });
    session.once("close", () => {
      clearTimeout(silent);
      sessions.delete(session);
    });
  });
  server.on("error", (error) => process.emitWarning(error));

  server.listen(0, LOOPBACK);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP port");

  return {
    port: address.port,
    goAway(noticeMs) {
      for (const session of sessions) session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
      return setTimeout(() => {
        for (const session of sessions) session.close();
      }, noticeMs);
    },
    async stop() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/**
 * Resets a stream that was answered before its request had come to its end (RFC 9113 §8.1). Left open,
 * it would count among the client's streams, and its unread bytes against the connection's window: on
 * Bun 1.4.5, eight refused messages of 2 MB brought a connection to a halt.
 */
function resetUnreadBody(stream: ServerHttp2Stream): void {
  stream.once("finish", () => {
    if (stream.state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_LOCAL) {
      stream.close(constants.NGHTTP2_NO_ERROR);
    }
  });
}

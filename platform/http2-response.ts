import { once } from "node:events";
import type { Http2ServerResponse } from "node:http2";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

/**
 * Sends a response over HTTP/2, each piece of its body when the client has room for it. Unlike
 * Connect's own, which waits for ever on a client that leaves without reading on, it then ends the
 * body; and a body that throws resets the stream, so that no client takes a part for the whole.
 *
 * Throws what the body threw.
 */
export async function sendHttp2(
  { status, header, body, trailer }: UniversalServerResponse,
  response: Http2ServerResponse,
): Promise<void> {
  const { stream } = response;
  const pieces = body?.[Symbol.asyncIterator]();
  const left = new AbortController();
  // Not the response's: on Bun 1.4.5 it does not tell of a reset while it waits to drain.
  stream.once("close", () => left.abort());
  try {
    // First, because until then the handler may set headers.
    let piece = await pieces?.next();
    if (stream.destroyed) return;
    response.writeHead(status, nodeHeaders(header));
    for (; piece !== undefined && !piece.done; piece = await pieces?.next()) {
      if (stream.destroyed) return;
      if (!response.write(piece.value)) {
        await once(response, "drain", { signal: left.signal }).catch(() => {});
      }
    }
    if (stream.destroyed) return;
    if (trailer) response.addTrailers(nodeHeaders(trailer));
    response.end();
  } catch (error) {
    // Of the ways to reset a stream, Bun 1.4.5 sends the client an error for this one only.
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  } finally {
    await pieces?.return?.();
  }
}

/** `set-cookie` apart, as no other header may be said twice. */
function nodeHeaders(headers: Headers | undefined): Record<string, string | string[]> {
  if (headers === undefined) return {};
  const cookies = headers.getSetCookie();
  return { ...Object.fromEntries(headers), ...(cookies.length > 0 && { "set-cookie": cookies }) };
}

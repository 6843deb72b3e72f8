import { once } from "node:events";
import {
  connect,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
} from "node:http2";
import { type Client, type Listener, type ListenOptions, listen } from "./listen.ts";

const opened: Listener[] = [];

/** Listens at any free port, answered by `echo` and `echoHttp2` unless told otherwise. */
export async function started(options: Partial<ListenOptions> = {}): Promise<Listener> {
  const listener = await listen({ port: 0, fetch: echo, http2: echoHttp2, ...options });
  opened.push(listener);
  return listener;
}

/** To be called in `afterEach`. */
export async function closeStarted(): Promise<void> {
  await Promise.all(opened.splice(0).map((listener) => listener.close(0)));
}

/** Says what was asked and by whom, a turn of the event loop after it has read the body. */
export async function echo(request: Request, client: Client): Promise<Response> {
  const body = await request.text();
  await new Promise(setImmediate);
  const text = `${request.method} ${new URL(request.url).pathname} ${body} ${client.address}.`;
  if (!request.url.endsWith("/streamed")) return new Response(text);
  return new Response(
    (async function* () {
      for (const part of [text.slice(0, 5), text.slice(5)]) {
        await new Promise(setImmediate);
        yield part;
      }
    })(),
  );
}

export async function echoHttp2(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  client: Client,
): Promise<void> {
  const body = await new Response(request).text();
  response.writeHead(200, { "content-type": "text/plain", trailer: "grpc-status" });
  response.addTrailers({ "grpc-status": "0" });
  response.end(`${request.method} ${request.url} ${body} ${client.address}.`);
}

interface Http2Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

/** Asks over HTTP/2, on a connection of its own. */
export async function askHttp2(origin: string, path: string, body = ""): Promise<Http2Answer> {
  const session = connect(origin);
  try {
    const stream = session.request({ ":path": path, ":method": body ? "POST" : "GET" });
    stream.end(body);
    const [[headers], trailers, text] = await Promise.all([
      once(stream, "response"),
      once(stream, "trailers").then(([fields]) => fields),
      new Response(stream).text(),
    ]);
    return { status: headers[":status"], body: text, trailers };
  } finally {
    session.close();
  }
}

/**
 * A server in a process of its own, so that its memory and descriptors can be looked at from outside.
 * Takes limits as JSON, prints its port, and ends with its standard input.
 *
 * `POST` reads the body slowly and answers with its length; `GET /<bytes>` sends so many bytes.
 */
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { pipeline } from "node:stream/promises";
import { listen } from "./listen.ts";

async function slowLength(body: AsyncIterable<Uint8Array> | null): Promise<string> {
  let length = 0;
  let pauses = 0;
  for await (const bytes of body ?? []) {
    length += bytes.length;
    if (length < pauses * 262_144) continue;
    pauses += 1;
    await Bun.sleep(4);
  }
  return String(length);
}

async function* bytes(count: number): AsyncGenerator<Uint8Array> {
  for (let left = count; left > 0; left -= 65_536) {
    yield new Uint8Array(Math.min(left, 65_536)).fill(left / 65_536);
  }
}

async function overHttp2(request: Http2ServerRequest, response: Http2ServerResponse) {
  if (request.method === "POST") response.end(await slowLength(request));
  else await pipeline(bytes(Number(request.url.slice(1))), response);
}

const listener = await listen({
  port: 0,
  limits: JSON.parse(process.argv[2] ?? "{}"),
  async fetch(request) {
    if (request.method === "POST") return new Response(await slowLength(request.body));
    return new Response(bytes(Number(new URL(request.url).pathname.slice(1))));
  },
  http2(request, response) {
    // The clients go away in mid-stream on purpose; what that throws here is of no interest.
    overHttp2(request, response).catch(() => response.stream.destroy());
  },
});

process.stdout.write(`${listener.port}\n`);
for await (const _ of process.stdin);
await listener.close(0);

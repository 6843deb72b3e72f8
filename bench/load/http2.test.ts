import { afterAll, expect, test } from "bun:test";
import { listen } from "@crm/platform/listen";
import { openHttp2 } from "./http2.ts";

const server = await listen({
  port: 0,
  hostname: "127.0.0.1",
  fetch: () => new Response(),
  http2(request, response) {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url === "/reset") response.stream.destroy(new Error("no"));
      else response.end(`${request.url} ${request.headers["x-long"]} ${Buffer.concat(chunks)}`);
    });
  },
});
afterAll(() => server.close(0));

const open = (path: string, headers: Record<string, string> = {}) =>
  openHttp2(`http://127.0.0.1:${server.port}`, { path, headers });

test("many requests at once get their own answers, whole", async () => {
  // Its length takes two bytes in HPACK.
  const long = "x".repeat(300);
  const { post, close } = await open("/echo", { "x-long": long });
  const bodies = Array.from({ length: 50 }, (_, n) => `${n} ${"y".repeat(n * 20)}`);
  const answers = await Promise.all(bodies.map((body) => post(Buffer.from(body))));
  close();
  expect(answers.map(String)).toEqual(bodies.map((body) => `/echo ${long} ${body}`));
});

test("more than a stream's or a connection's first window comes through", async () => {
  const { post, close } = await open("/echo");
  const body = "z".repeat(16_000);
  for (let sent = 0; sent < 20; sent++) {
    expect(await post(Buffer.from(body))).toHaveLength(`/echo undefined ${body}`.length);
  }
  close();
});

test("a call that is reset, or whose connection ends, is a fault", async () => {
  const { post } = await open("/reset");
  await expect(post(Buffer.from("x"))).rejects.toThrow("has reset a call");
  const { post: another, close } = await open("/echo");
  close();
  await expect(another(Buffer.from("x"))).rejects.toThrow("connection");
});

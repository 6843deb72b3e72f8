import { afterAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { setImmediate, setTimeout } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { eventually as within } from "../tools/testing/eventually.ts";
import { MOST_BYTES, openStreamPort, PIECE_BYTES, TOKEN } from "./streams.fixtures.ts";

const port = await openStreamPort();
afterAll(() => port.close());

const headers = { authorization: `Bearer ${TOKEN}` };
const { hostname, port: tcpPort } = new URL(port.url);
/** What may be under way: sockets' buffers, of ours and of the system's. */
const UNDER_WAY_BYTES = 24 << 20;

const eventually = (isTrue: () => boolean) => within(async () => isTrue(), 10_000);

function http1(method: string, path: string, more = ""): Socket {
  const socket = connectTcp(Number(tcpPort), hostname);
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n${more}\r\n`,
  );
  return socket;
}

function http2(method: string, path: string, more: Record<string, string> = {}) {
  const session = connectHttp2(port.url);
  const request = { ":method": method, ":path": path, ...headers, ...more };
  return { session, stream: session.request(request, { endStream: method === "GET" }) };
}

/** How a stream ends that is not heard of until now. */
async function nextEnd(before: number): Promise<string> {
  await eventually(() => port.ends.length > before);
  return port.ends[before] ?? "";
}

async function stopsAsking(): Promise<number> {
  for (let asked = -1; ; ) {
    await setTimeout(300);
    if (port.pieces() === asked) return asked;
    asked = port.pieces();
  }
}

describe("a streamed answer", () => {
  test("comes as a file, whole", async () => {
    const response = await fetch(`${port.url}/file?count=3`, { headers });
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="pieces.csv"');
    expect((await response.bytes()).length).toBe(3 * PIECE_BYTES);
  });

  test("comes as events, the last of which says that there are no more", async () => {
    const response = await fetch(`${port.url}/events?count=2`, { headers });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(await response.text()).toBe(
      'data: {"piece":0}\n\ndata: {"piece":1}\n\nid: end\nevent: end\ndata: {}\n\n',
    );
    const again = await fetch(`${port.url}/events?count=2`, {
      headers: { ...headers, "last-event-id": "end" },
    });
    expect(again.status).toBe(204);
  });

  test("that fails before its first item is an ordinary failure", async () => {
    const response = await fetch(`${port.url}/file?failAt=0`, { headers });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: "internal" });
    expect((await fetch(`${port.url}/file?count=x`, { headers })).status).toBe(400);
    expect((await fetch(`${port.url}/file`)).status).toBe(401);
  });

  test("that fails later is cut off over HTTP/1.1, and logged", async () => {
    const outcome = await fetch(`${port.url}/file?failAt=3`, { headers })
      .then((response) => response.bytes())
      .catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(Error);
    await eventually(() =>
      port.log.some((line) => /"event":"stream".*"outcome":"failed"/.test(line)),
    );
  });

  test("that fails later is reset over HTTP/2", async () => {
    const { session, stream } = http2("GET", "/file?failAt=3");
    stream.resume();
    const ended = await Promise.race([
      once(stream, "end").then(() => "whole"),
      once(stream, "error").then(() => "reset"),
    ]).catch(() => "reset");
    expect(ended).toBe("reset");
    expect(stream.rstCode).not.toBe(constants.NGHTTP2_NO_ERROR);
    session.destroy();
  });

  test.each([
    ["Connect", createConnectTransport({ baseUrl: port.url, httpVersion: "1.1" })],
    ["gRPC", createGrpcTransport({ baseUrl: port.url })],
  ] as const)("that fails later ends with the failure's code over %s", async (_, transport) => {
    const client = createClient(ContactService, transport);
    let received = 0;
    const failure = await (async () => {
      for await (const _ of client.exportContacts({ filter: {} }, { headers })) received++;
    })().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConnectError);
    expect(failure).toMatchObject({ code: Code.Internal });
    expect(received).toBe(3);
  });

  test("waits for a client that does not read over HTTP/1.1, and ends when it hangs up", async () => {
    const before = port.ends.length;
    const asked = port.pieces();
    const socket = http1("GET", "/file");
    socket.pause();
    await once(socket, "connect");
    expect(((await stopsAsking()) - asked) * PIECE_BYTES).toBeLessThan(UNDER_WAY_BYTES);
    socket.destroy();
    expect(await nextEnd(before)).toBe("left");
  });

  test("waits for a client that does not read over HTTP/2, and ends when it resets", async () => {
    const before = port.ends.length;
    const asked = port.pieces();
    const { session, stream } = http2("GET", "/file");
    await once(stream, "response");
    expect(((await stopsAsking()) - asked) * PIECE_BYTES).toBeLessThan(UNDER_WAY_BYTES);
    stream.close(constants.NGHTTP2_CANCEL);
    expect(await nextEnd(before)).toBe("left");
    session.destroy();
  });

  test("ends when a gRPC client cancels", async () => {
    const before = port.ends.length;
    const client = createClient(ContactService, createGrpcTransport({ baseUrl: port.url }));
    const cancel = new AbortController();
    const { signal } = cancel;
    const outcome = await (async () => {
      for await (const _ of client.exportContacts({}, { headers, signal })) cancel.abort();
    })().catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: Code.Canceled });
    expect(await nextEnd(before)).toBe("left");
    await eventually(() => port.log.some((line) => /ExportContacts.*"canceled"/.test(line)));
  });

  test("at most 20 of a session are open at once", async () => {
    const before = port.ends.length;
    const open = Array.from({ length: 20 }, () => http2("GET", "/file"));
    await Promise.all(open.map(({ stream }) => once(stream, "response")));
    const response = await fetch(`${port.url}/file`, { headers });
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ code: "too_many_streams" });
    for (const { session } of open) session.destroy();
    await eventually(() => port.ends.length === before + 20);
    expect((await fetch(`${port.url}/file?count=1`, { headers })).status).toBe(200);
  });
});

describe("an upload", () => {
  const content = Buffer.alloc(MOST_BYTES, "a,b\n");
  const sha256 = new Bun.CryptoHasher("sha256").update(content).digest("hex");
  const csv = { ...headers, "content-type": "text/csv" };
  const take = `${port.url}/take`;

  test("is taken as it is, and in a form behind its fields", async () => {
    const raw = await fetch(take, { method: "POST", headers: csv, body: content });
    expect(raw.status).toBe(202);
    expect(await raw.json()).toEqual({ bytes: MOST_BYTES, sha256 });
    const form = new FormData();
    form.set("note", "x");
    form.set("file", new Blob([content], { type: "text/csv" }), "c.csv");
    const formed = await fetch(take, { method: "POST", headers, body: form });
    expect(await formed.json()).toEqual({ bytes: MOST_BYTES, sha256 });
  });

  test("is taken over gRPC and over Connect with HTTP/2", async () => {
    async function* parts() {
      yield { part: { case: "parameters" as const, value: {} } };
      for (let from = 0; from < content.length; from += PIECE_BYTES) {
        const value = content.subarray(from, from + PIECE_BYTES);
        yield { part: { case: "chunk" as const, value } };
      }
    }
    for (const transport of [
      createGrpcTransport({ baseUrl: port.url }),
      createConnectTransport({ baseUrl: port.url, httpVersion: "2" }),
    ]) {
      const client = createClient(ContactService, transport);
      const answer = await client.importContacts(parts(), { headers });
      expect(answer.import?.rowsTotal).toBe(MOST_BYTES);
    }
  });

  test("of another type, or a form that is none, is refused", async () => {
    const json = { ...headers, "content-type": "application/json" };
    expect((await fetch(take, { method: "POST", headers: json, body: "{}" })).status).toBe(415);
    const form = { ...headers, "content-type": "multipart/form-data; boundary=x" };
    const response = await fetch(take, { method: "POST", headers: form, body: "no form" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_form" });
  });

  test.each([
    "charset=utf-8",
    'charset="UTF-8"',
    "Charset=utf8",
    "charset=UTF-16",
    "header=present; charset=ISO-8859-1",
    "charset=latin1; header=present",
    "charset=us-ascii",
    "charset=Windows-1252",
    "charset=",
  ])("that declares a charset that is read is taken: %s", async (charset) => {
    const typed = { ...headers, "content-type": `text/csv; ${charset}` };
    expect((await fetch(take, { method: "POST", headers: typed, body: "a,b\n" })).status).toBe(202);
  });

  test.each([
    "charset=windows-1250",
    'charset="ISO-8859-2"',
    "header=present;CHARSET = utf-16be",
    "charset=nonsense",
  ])("that declares another charset is refused: %s", async (charset) => {
    const before = port.uploads.length;
    const typed = { ...headers, "content-type": `text/csv; ${charset}` };
    const response = await fetch(take, { method: "POST", headers: typed, body: "a,b\n" });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({
      code: "unsupported_media_type",
      detail: expect.stringContaining("utf-8, utf-16le, windows-1252"),
    });
    expect(port.uploads.slice(before)).toEqual([]);
  });

  test("that is too large is refused while it comes", async () => {
    const before = port.uploads.length;
    const large = Buffer.concat([content, content]);
    const response = await fetch(take, { method: "POST", headers: csv, body: large });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "content_too_large" });

    const { session, stream } = http2("POST", "/take", { "content-type": "text/csv" });
    stream.write(large);
    const [answer] = await once(stream, "response");
    expect(answer[":status"]).toBe(413);
    session.destroy();
    expect(port.uploads.slice(before)).toEqual(["incomplete", "incomplete"]);
  });

  test.each([
    ["with its length told", "Content-Length: 500000\r\n", ""],
    ["in chunks", "Transfer-Encoding: chunked\r\n", "5\r\n"],
  ])("whose client hangs up is incomplete over HTTP/1.1 %s", async (_, header, framing) => {
    const before = port.uploads.length;
    const socket = http1("POST", "/take", `Content-Type: text/csv\r\n${header}`);
    socket.write(`${framing}a,b\nc`);
    await once(socket, "connect");
    await setTimeout(100);
    socket.destroy();
    await eventually(() => port.uploads.length > before);
    expect(port.uploads.slice(before)).toEqual(["incomplete"]);
  });

  test("whose client resets is incomplete over HTTP/2", async () => {
    const before = port.uploads.length;
    const { session, stream } = http2("POST", "/take", { "content-type": "text/csv" });
    stream.write("a,b\nc");
    await setTimeout(100);
    stream.close(constants.NGHTTP2_CANCEL);
    await eventually(() => port.uploads.length > before);
    expect(port.uploads.slice(before)).toEqual(["incomplete"]);
    session.destroy();
  });

  test("is answered once for an idempotency key and a content", async () => {
    const key = { ...csv, "idempotency-key": crypto.randomUUID() };
    const send = (body: string) => fetch(take, { method: "POST", headers: key, body });
    const first = await send("a,b\n");
    const before = port.uploads.length;
    const again = await send("a,b\n");
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await again.text()).toBe(await first.text());
    expect((await send("a,c\n")).status).toBe(422);
    expect(port.uploads.slice(before)).toEqual(["whole", "discarded", "whole", "discarded"]);
  });
});

describe("with its session ends", () => {
  test("a stream", async () => {
    await setImmediate();
    const before = port.ends.length;
    const response = await fetch(`${port.url}/events`, { headers });
    using _ = port.revoke();
    const outcome = await response.bytes().catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(Error);
    expect(await nextEnd(before)).toBe("left");
  }, 30_000);

  async function upload() {
    const [ends, chunks] = [port.uploads.length, port.chunks()];
    const { session, stream } = http2("POST", "/take", { "content-type": "text/csv" });
    stream.write("a,b\n");
    await eventually(() => port.chunks() > chunks);
    return { session, stream, ended: () => port.uploads.slice(ends) };
  }

  test("an upload that goes on", async () => {
    const { session, stream, ended } = await upload();
    using _ = port.revoke();
    const goingOn = setInterval(() => stream.write("c,d\n"), 100);
    const [answer] = await once(stream, "response").finally(() => clearInterval(goingOn));
    expect(answer[":status"]).toBe(401);
    await eventually(() => ended().length > 0);
    expect(ended()).toEqual(["incomplete"]);
    session.destroy();
  }, 30_000);

  test("an upload that has come to its end, before it changes anything", async () => {
    const { session, stream, ended } = await upload();
    using _ = port.revoke();
    stream.end();
    const [answer] = await once(stream, "response");
    expect(answer[":status"]).toBe(401);
    expect(ended()).toEqual(["whole", "discarded"]);
    session.destroy();
  });
});

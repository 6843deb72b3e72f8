import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, constants } from "node:http2";
import { frame, GET, getFrame, HTTP2_PREFACE, rawClient, SETTINGS } from "./listen.fixtures.ts";
import { askHttp2, closeStarted, echoHttp2, started } from "./listen-echo.fixtures.ts";

afterEach(closeStarted);

describe("HTTP/2 with prior knowledge", () => {
  test("is answered, with trailers", async () => {
    const { port } = await started();
    const answer = await askHttp2(`http://127.0.0.1:${port}`, "/a", "x".repeat(100_000));
    expect(answer.status).toBe(200);
    expect(answer.body).toBe(`POST /a ${"x".repeat(100_000)} 127.0.0.1.`);
    expect(answer.trailers["grpc-status"]).toBe("0");
  });

  test.skipIf(Bun.which("curl") === null)("is answered to curl (needs curl)", async () => {
    const { port } = await started();
    const curl = Bun.spawn([
      ...["curl", "--silent", "--show-error", "--http2-prior-knowledge", "--data", "hi"],
      ...["--write-out", " %{http_version}", `http://127.0.0.1:${port}/curl`],
    ]);
    expect(await new Response(curl.stdout).text()).toBe("POST /curl hi 127.0.0.1. 2");
  });

  test("is known by a preface that comes byte by byte", async () => {
    const { port } = await started();
    const client = rawClient(port);
    for (const byte of HTTP2_PREFACE) {
      client.socket.write(byte);
      await Bun.sleep(1);
    }
    client.socket.write(Buffer.concat([SETTINGS, getFrame(1)]));
    await client.receives("GET /  127.0.0.1.");
    client.socket.destroy();
  });

  test("is not mistaken for HTTP/1.1 that begins like it", async () => {
    const { port } = await started();
    const post = rawClient(port);
    post.socket.write("P");
    await Bun.sleep(5);
    post.socket.write("OST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    await post.receives("POST /p hi 127.0.0.1.");
    post.socket.destroy();

    for (const wrong of ["PRI / HTTP/1.1\r\nHost a\r\n\r\n", "PRI * HTTP/2.1\r\n\r\n"]) {
      const client = rawClient(port);
      client.socket.write(wrong);
      await client.receives("HTTP/1.1 400");
      expect(await client.closed).toBe("FIN");
      client.socket.destroy();
    }
  });

  test("admits 100 streams at once, and ends a session that opens and resets streams in a loop", async () => {
    const { port } = await started();
    const session = connect(`http://127.0.0.1:${port}`);
    const [settings] = await once(session, "remoteSettings");
    expect(settings.maxConcurrentStreams).toBe(100);
    session.destroy();

    const client = rawClient(port);
    client.socket.write(Buffer.concat([Buffer.from(HTTP2_PREFACE), SETTINGS]));
    const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
    for (let stream = 1; stream < 10_000; stream += 2) {
      client.socket.write(Buffer.concat([getFrame(stream), frame(3, 0, stream, cancel)]));
    }
    await client.closed;
    expect((await askHttp2(`http://127.0.0.1:${port}`, "/after")).status).toBe(200);
  });

  test("takes a field of 60 KB; one of 100 KB, which HPACK cannot decode here, ends its session alone", async () => {
    const { port } = await started();
    const other = connect(`http://127.0.0.1:${port}`);
    await once(other, "remoteSettings");
    const outcome = async (length: number): Promise<unknown> => {
      const session = connect(`http://127.0.0.1:${port}`, { maxSendHeaderBlockLength: 1 << 20 });
      await once(session, "remoteSettings");
      const stream = session.request({ ":path": "/", x: "Q".repeat(length) });
      const answered = Promise.withResolvers<unknown>();
      stream.on("error", () => {});
      stream.on("response", (headers) => answered.resolve(headers[":status"]));
      session.on("error", ({ message }) => answered.resolve(message));
      return answered.promise.finally(() => session.destroy());
    };
    expect(await outcome(60_000)).toBe(200);
    const code = constants.NGHTTP2_COMPRESSION_ERROR;
    expect(await outcome(100_000)).toBe(`Session closed with error code ${code}`);
    const stream = other.request({ ":path": "/other" });
    expect(await new Response(stream).text()).toBe("GET /other  127.0.0.1.");
    other.close();
  });

  test("frees the stream of a request that was answered before its body had ended", async () => {
    const { port } = await started({ http2: (_request, response) => response.end("enough") });
    const client = rawClient(port);
    client.socket.write(Buffer.concat([Buffer.from(HTTP2_PREFACE), SETTINGS]));
    for (let count = 1; count <= 150; count += 1) {
      client.socket.write(frame(1, 0x4, 2 * count - 1, GET));
      await client.receives("enough", count);
    }
    client.socket.destroy();
  });

  test("a handler that throws fails its stream alone", async () => {
    const { port } = await started({
      http2(request, response, client) {
        if (request.url === "/fault") throw new Error("secret");
        echoHttp2(request, response, client).catch(() => response.stream.close());
      },
    });
    const warned = once(process, "warning");
    const session = connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":path": "/fault" });
    await once(stream, "error");
    expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    expect((await warned)[0]).toHaveProperty("message", "secret");
    session.close();
    expect((await askHttp2(`http://127.0.0.1:${port}`, "/after")).status).toBe(200);
  });
});

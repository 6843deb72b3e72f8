import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:http2";
import { networkInterfaces } from "node:os";
import { getFrame, HTTP2_PREFACE, rawClient, SETTINGS } from "./listen.fixtures.ts";
import { DEFAULT_LIMITS, type ListenOptions } from "./listen.ts";
import { askHttp2, closeStarted, echo, echoHttp2, started } from "./listen-echo.fixtures.ts";

afterEach(closeStarted);

describe("HTTP/1.1", () => {
  test("is answered", async () => {
    const { port } = await started();
    const response = await fetch(`http://127.0.0.1:${port}/a`, {
      method: "POST",
      body: "x".repeat(100_000),
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(`POST /a ${"x".repeat(100_000)} 127.0.0.1.`);
  });

  test("keeps the connection for the next request", async () => {
    const { port } = await started();
    const client = rawClient(port);
    for (const times of [1, 2, 3]) {
      client.socket.write("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n");
      await client.receives("GET /kept  127.0.0.1.", times);
    }
    client.socket.destroy();
  });

  test("answers pipelined requests in their order, each after the one before", async () => {
    const { port } = await started();
    const client = rawClient(port);
    const requests = [
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST /streamed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n",
      "HEAD /4 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /5 HTTP/1.1\r\nHost: a\r\n\r\n",
    ].join("");
    client.socket.write(requests + requests.slice(0, 60));
    const got = await client.receives("GET /5  127.0.0.1.");
    client.socket.write(requests.slice(60));
    const all = await client.receives("GET /5  127.0.0.1.", 2);
    client.socket.destroy();
    expect(got.match(/(GET|POST) \/\S* |HTTP\/1.1 \d+/g)?.slice(0, 9)).toEqual([
      "HTTP/1.1 200",
      "GET /1 ",
      "HTTP/1.1 200",
      "POST /2 ",
      "HTTP/1.1 200",
      "HTTP/1.1 200",
      "HTTP/1.1 200",
      "GET /5 ",
    ]);
    expect(all.match(/HTTP\/1.1 200/g)).toHaveLength(10);
  });

  test("waits for a body that is announced with Expect: 100-continue", async () => {
    const { port } = await started();
    const client = rawClient(port);
    client.socket.write(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    );
    await client.receives("HTTP/1.1 100 Continue\r\n\r\n");
    client.socket.write("hi");
    await client.receives("POST / hi 127.0.0.1.");
    client.socket.destroy();
  });

  test("answers a client that has closed its writing half", async () => {
    const asked = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const { port } = await started({
      async fetch(request, client) {
        asked.resolve();
        await ended.promise;
        return echo(request, client);
      },
    });
    const clients = [rawClient(port), rawClient(port, "127.0.0.1")];
    const [one, two] = clients;
    one?.socket.end("GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
    two?.socket.end("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /half HTTP/1.1\r\nHost: a\r\n\r\n");
    await asked.promise;
    ended.resolve();
    for (const client of clients) {
      await client.receives("GET /half  127.0.0.1.");
      expect(await client.closed).toBe("FIN");
    }
  });

  test("answers before the body is whole, and the client can read it", async () => {
    const { port } = await started({ limits: { maxBodyBytes: 1_000 } });
    const client = rawClient(port);
    client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n");
    for (let sent = 0; sent < 90; sent += 1) client.socket.write(Buffer.alloc(1_000_000));
    await client.receives("HTTP/1.1 413");
    expect(await client.closed).toBe("FIN");
    client.socket.destroy();
  });

  test("refuses a request whose Host makes no URL", async () => {
    const { port } = await started();
    for (const head of ["GET / HTTP/1.1\r\nHost: a b", "GET / HTTP/1.0"]) {
      const client = rawClient(port);
      client.socket.write(`${head}\r\n\r\n`);
      await client.receives("HTTP/1.1 400");
      expect(await client.closed).toBe("FIN");
      client.socket.destroy();
    }
  });

  /** Answers with how many characters the header `x` has. */
  const lengthOfX: ListenOptions["fetch"] = (request) =>
    new Response(String(request.headers.get("x")?.length));

  test("takes a head of 100 KB", async () => {
    const { port } = await started({ fetch: lengthOfX });
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { x: "x".repeat(100_000) },
    });
    expect(await response.text()).toBe("100000");
  });

  test.each([
    ["in one piece", [200_000]],
    ["in pieces", Array.from({ length: 200 }, () => 1_000)],
    ["without an end", Array.from({ length: 2_000 }, () => 10_000)],
  ])("answers a head that is too large, %s, and closes", async (_, pieces) => {
    const { port } = await started({ fetch: lengthOfX });
    const client = rawClient(port);
    // Not only the first request of a connection.
    client.socket.write("GET / HTTP/1.1\r\nHost: a\r\nx: 1234567\r\n\r\n");
    await client.receives("\r\n\r\n7");
    client.socket.write("GET / HTTP/1.1\r\nHost: a\r\nx: ");
    for (const length of pieces) client.socket.write(Buffer.alloc(length, "x"));
    client.socket.write("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.closed;
    const [, , ...answers] = client.received().split("HTTP/1.1 ");
    expect(answers).toHaveLength(1);
    const [head = "", body = ""] = answers[0]?.split("\r\n\r\n") ?? [];
    const headers = new Headers(
      head
        .split("\r\n")
        .slice(1)
        .map((line): [string, string] => [line.split(": ")[0] ?? "", line.split(": ")[1] ?? ""]),
    );
    expect(head).toStartWith("431 Request Header Fields Too Large\r\n");
    expect(headers.get("content-type")).toStartWith("application/problem+json");
    expect(headers.get("connection")).toBe("close");
    expect(headers.get("content-length")).toBe(String(body.length));
    expect(JSON.parse(body)).toMatchObject({
      status: 431,
      code: "header_fields_too_large",
      requestId: headers.get("x-request-id"),
    });
    client.socket.destroy();
  });

  test("says nothing of a fault but that there was one", async () => {
    const { port } = await started({ fetch: () => Promise.reject(new Error("secret")) });
    const warned = once(process, "warning");
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect((await warned)[0]).toHaveProperty("message", "secret");
  });
});

describe("the client's address", () => {
  const interfaces = Object.values(networkInterfaces()).flat();
  const addresses = ["127.0.0.1", "::1"].filter((address) =>
    interfaces.some((each) => each?.address === address),
  );
  for (const address of addresses) {
    test(`${address} is told to both handlers`, async () => {
      const { port, httpPort } = await started({ httpPort: 0 });
      const host = address.includes(":") ? `[${address}]` : address;
      for (const each of [port, httpPort]) {
        expect(await (await fetch(`http://${host}:${each}/`)).text()).toBe(`GET /  ${address}.`);
      }
      expect((await askHttp2(`http://${host}:${port}`, "/")).body).toBe(`GET /  ${address}.`);
    });
  }

  test("is kept for HTTP/2 while connections of HTTP/1.1 come and go on the same ports behind", async () => {
    const { port } = await started();
    const http2 = Array.from({ length: 100 }, () => rawClient(port));
    async function ask(bytes: Buffer, answers: number): Promise<void> {
      for (const { socket } of http2) socket.write(bytes);
      await Promise.all(http2.map((client) => client.receives("127.0.0.1.", answers)));
    }
    await ask(Buffer.concat([Buffer.from(HTTP2_PREFACE), SETTINGS, getFrame(1)]), 1);
    // A local port may be given to a connection to each of the two servers. The kernel goes through
    // half of them in turn, which are 14,116, and so comes past each that HTTP/2 has.
    for (let round = 0; round < 150; round++) {
      const http1 = Array.from({ length: 100 }, () => rawClient(port));
      for (const { socket } of http1) socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      await Promise.all(http1.map((client) => client.receives("127.0.0.1.")));
      for (const { socket } of http1) socket.resetAndDestroy();
      await Promise.all(http1.map(({ closed }) => closed));
    }
    await ask(getFrame(3), 2);
    for (const { socket } of http2) socket.destroy();
  }, 60_000);
});

describe("close", () => {
  test("lets HTTP/1.1 requests in flight end, and closes idle connections at once", async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const listener = await started({
      async fetch(request, client) {
        if (request.url.endsWith("/held")) {
          asked.resolve();
          await answer.promise;
        }
        return echo(request, client);
      },
    });
    const [idle, half, silent, busy] = Array.from({ length: 4 }, () => rawClient(listener.port));
    idle?.socket.write("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n");
    await idle?.receives("GET /idle");
    half?.socket.write("GET / HTTP/1.1\r\n");
    busy?.socket.write("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    await asked.promise;
    const closed = listener.close(30_000);
    await Promise.all([idle?.closed, half?.closed, silent?.closed]);
    await expect(fetch(`http://127.0.0.1:${listener.port}/`)).rejects.toThrow();
    answer.resolve();
    expect(await busy?.receives("GET /held  127.0.0.1.")).toContain("onnection: close");
    expect(await busy?.closed).toBe("FIN");
    busy?.socket.destroy();
    await closed;
  });

  test("lets HTTP/2 streams in flight end, and tells the client by GOAWAY", async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const listener = await started({
      async http2(request, response, client) {
        asked.resolve();
        await answer.promise;
        await echoHttp2(request, response, client);
      },
    });
    const idle = connect(`http://127.0.0.1:${listener.port}`);
    await once(idle, "remoteSettings");
    const busy = askHttp2(`http://127.0.0.1:${listener.port}`, "/held");
    await asked.promise;
    const goneAway = once(idle, "goaway");
    const closed = listener.close(30_000);
    await goneAway;
    answer.resolve();
    expect((await busy).body).toBe("GET /held  127.0.0.1.");
    await closed;
  });

  test("cuts what is left after the time of grace", async () => {
    const asked = Promise.withResolvers<void>();
    let outstanding = 3;
    function never(): Promise<never> {
      outstanding -= 1;
      if (outstanding === 0) asked.resolve();
      return new Promise(() => {});
    }
    const listener = await started({ httpPort: 0, fetch: never, http2: never });
    const outcomes = [
      fetch(`http://127.0.0.1:${listener.port}/`),
      fetch(`http://127.0.0.1:${listener.httpPort}/`),
      askHttp2(`http://127.0.0.1:${listener.port}`, "/"),
    ].map((answer) => answer.then(() => "answered").catch(() => "cut"));
    await asked.promise;
    await listener.close(50);
    expect(await Promise.all(outcomes)).toEqual(["cut", "cut", "cut"]);
  });
});

test("a port in use is named, with what to do", async () => {
  const taken = await started();
  for (const options of [{ port: taken.port }, { port: 0, httpPort: taken.port }]) {
    const refused = started(options);
    await expect(refused).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(refused).rejects.toThrow(`Port ${taken.port} is in use. Stop the process`);
  }
});

test("by default nobody may take longer than 15 s to say what he wants", () => {
  // The connections are looked after once a second.
  expect(DEFAULT_LIMITS.headMs + 1_000).toBeLessThanOrEqual(15_000);
});

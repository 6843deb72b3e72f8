import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { freePort } from "../tools/local/ports.ts";
import { eventually } from "../tools/testing/eventually.ts";
import { openProxy } from "../tools/testing/proxy.ts";
import { hang, somebody } from "../tools/testing/user-service.ts";
import { codeOf, codesOf, peerAt, peerClient } from "./peer.fixtures.ts";

// Probes are a second apart, and time out after one.
setDefaultTimeout(60_000);

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

/** Less than the time of one try, and long enough to blame the peer. */
const PATIENCE = { timeoutMs: 900 };

test("a breaker opens, fails calls at once, and closes after a probe, one at a time", async () => {
  const peer = await peerAt(opened);
  const client = await peerClient([peer.url]);
  peer.script = hang;
  const lost = await codesOf(5, () => client.call("token", PATIENCE));
  expect(lost).toEqual({ DeadlineExceeded: 5 });
  expect(await client.breakers()).toEqual({ [peer.url]: 1 });

  const started = performance.now();
  expect(await codesOf(100, () => client.call())).toEqual({ Unavailable: 100 });
  // All of them, where one is promised in 50 ms.
  expect(performance.now() - started).toBeLessThan(500);

  const { connections } = peer;
  await eventually(async () => {
    await codeOf(client.call());
    return peer.probes.length >= 2;
  }, 15_000);
  expect(peer.probesAtOnce).toBe(1);
  expect(peer.connections).toBe(connections + peer.probes.length);
  expect(peer.asked).toHaveLength(5);

  peer.script = () => somebody();
  await eventually(async () => (await codeOf(client.call())) === "Ok", 15_000);
  expect(await client.breakers()).toEqual({ [peer.url]: 0 });
  expect(peer.asked).toHaveLength(6);
  expect([client.logged("peer_away"), client.logged("peer_back")]).toEqual([1, 1]);
});

test("a breaker does not count callers who leave, nor those who give no time", async () => {
  const peer = await peerAt(opened);
  const client = await peerClient([peer.url]);
  peer.script = hang;
  const caller = new AbortController();
  const leaving = codesOf(20, () => client.call("token", { signal: caller.signal }));
  await eventually(async () => peer.asked.length === 20, 5_000);
  caller.abort();
  expect(await leaving).toEqual({ Canceled: 20 });
  const hurried = await codesOf(20, () => client.call("token", { timeoutMs: 50 }));
  expect(hurried).toEqual({ DeadlineExceeded: 20 });
  expect(await client.breakers()).toEqual({ [peer.url]: 0 });
  peer.script = () => somebody();
  expect(await codeOf(client.call())).toBe("Ok");
});

test("a breaker opens on connections that are refused", async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const client = await peerClient([url]);
  expect(await codesOf(5, () => client.call())).toEqual({ Unavailable: 5 });
  expect(await client.breakers()).toEqual({ [url]: 1 });
});

test.each([
  ["are closed at once", (socket: Bun.Socket) => socket.end()],
  ["are reset", (socket: Bun.Socket) => socket.terminate()],
  ["speak something else", (socket: Bun.Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
])("a breaker opens on connections that %s", async (_, data) => {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (s) => void data(s) },
  });
  opened.defer(() => server.stop(true));
  const url = `http://127.0.0.1:${server.port}`;
  const client = await peerClient([url]);
  for (let n = 0; n < 5; n++) expect(await codeOf(client.call())).not.toBe("Ok");
  expect(await client.breakers()).toEqual({ [url]: 1 });
});

test("a breaker opens when a peer breaks every call off in its middle", async () => {
  const peer = await peerAt(opened);
  const proxy = await openProxy(peer.port);
  opened.defer(() => proxy.close());
  const url = `http://127.0.0.1:${proxy.port}`;
  const client = await peerClient([url]);
  peer.script = async (asked) => {
    proxy.cut();
    proxy.restore();
    return hang(asked);
  };
  for (let n = 0; n < 5; n++) expect(await codeOf(client.call())).not.toBe("Ok");
  expect(await client.breakers()).toEqual({ [url]: 1 });
  expect(await client.calls()).toHaveProperty("canceled");
});

test("a breaker is probed over a connection of its own, which is then used", async () => {
  const peer = await peerAt(opened);
  const proxy = await openProxy(peer.port);
  opened.defer(() => proxy.close());
  const client = await peerClient([`http://127.0.0.1:${proxy.port}`]);
  await client.call();
  proxy.stall();
  const lost = await codesOf(5, () => client.call("token", PATIENCE));
  expect(lost).toEqual({ DeadlineExceeded: 5 });
  // Sooner than the stalled connection is found dead by its PINGs (12 s).
  await eventually(async () => (await codeOf(client.call())) === "Ok", 8_000);
  expect(proxy.connections).toBe(2);
});

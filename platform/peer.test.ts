import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { freePort } from "../tools/local/ports.ts";
import { eventually } from "../tools/testing/eventually.ts";
import { openProxy } from "../tools/testing/proxy.ts";
import { hang, refuse, somebody } from "../tools/testing/user-service.ts";
import { codeOf, codesOf, peerAt, peerClient } from "./peer.fixtures.ts";
import { addressesOf } from "./peer.ts";

// Names are looked up every five seconds.
setDefaultTimeout(60_000);

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

describe("a call", () => {
  test("has a deadline that is its caller's, and shrinks from try to try", async () => {
    const peer = await peerAt(opened);
    const client = await peerClient([peer.url]);
    // The first call of all takes long on a busy machine.
    await client.call();
    peer.asked.length = 0;
    peer.script = async () => {
      await Bun.sleep(20);
      return peer.asked.length < 3 ? refuse() : somebody();
    };
    await client.call("token", { timeoutMs: 900 });
    const [first = 0, second = 0, third = 0] = peer.asked.map(({ timeoutMs }) => timeoutMs);
    expect(first).toBeLessThanOrEqual(900);
    expect(second).toBeLessThanOrEqual(first - 19);
    expect(third).toBeLessThanOrEqual(second - 19);
    expect(third).toBeGreaterThan(0);
  });

  test("has a deadline where its caller sets none", async () => {
    const peer = await peerAt(opened);
    const client = await peerClient([peer.url], { repeatable: [] });
    await client.call();
    expect(peer.asked[0]?.timeoutMs).toBeWithin(1, 3_001);
  });

  test("is cancelled at the peer when its caller leaves", async () => {
    const peer = await peerAt(opened);
    const client = await peerClient([peer.url]);
    peer.script = hang;
    const caller = new AbortController();
    const outcome = codeOf(client.call("token", { signal: caller.signal }));
    await eventually(async () => peer.asked.length === 1, 5_000);
    caller.abort();
    expect(await outcome).toBe("Canceled");
    await eventually(async () => peer.asked[0]?.signal.aborted === true, 5_000);
    expect(peer.asked).toHaveLength(1);
  });

  test("is tried three times if it only reads or may be repeated, else once", async () => {
    const peer = await peerAt(opened);
    peer.script = refuse;
    const client = await peerClient([peer.url]);
    expect(await codeOf(client.call())).toBe("Unavailable");
    expect(peer.asked).toHaveLength(3);
    expect(await client.retries("made")).toBe(2);
    expect(await client.calls()).toEqual({ unavailable: 1 });

    const other = await peerClient([peer.url], { repeatable: [] });
    expect(await codeOf(other.read("user"))).toBe("Unavailable");
    expect(peer.asked).toHaveLength(6);
    expect(await codeOf(other.call())).toBe("Unavailable");
    expect(peer.asked).toHaveLength(7);
  });

  test.each([Code.Unauthenticated, Code.NotFound, Code.InvalidArgument, Code.Internal])(
    "takes an answer with code %p for an answer",
    async (code) => {
      const peer = await peerAt(opened);
      const client = await peerClient([peer.url]);
      peer.script = () => {
        throw new ConnectError("no", code);
      };
      expect(await codesOf(10, () => client.call())).toEqual({ [Code[code] ?? ""]: 10 });
      expect(peer.asked).toHaveLength(10);
      expect(await client.breakers()).toEqual({ [peer.url]: 0 });
    },
  );

  test("is tried again after a connection that breaks in its middle", async () => {
    const peer = await peerAt(opened);
    const proxy = await openProxy(peer.port);
    opened.defer(() => proxy.close());
    const client = await peerClient([`http://127.0.0.1:${proxy.port}`]);
    peer.script = async (asked) => {
      if (peer.asked.length > 1) return somebody();
      proxy.cut();
      proxy.restore();
      return hang(asked);
    };
    expect(await codeOf(client.call())).toBe("Ok");
    expect(peer.asked).toHaveLength(2);
  });

  test("is not tried again beyond the budget that all calls share", async () => {
    const peer = await peerAt(opened);
    const client = await peerClient([peer.url]);
    // Never five in a row, so that the breaker stays out of it.
    peer.script = () => (peer.asked.length % 4 === 0 ? somebody() : refuse());
    const calls = 100;
    for (let n = 0; n < calls; n++) await codeOf(client.call());
    expect(await client.breakers()).toEqual({ [peer.url]: 0 });
    // Without a budget it would be about 230 tries.
    expect(peer.asked.length).toBeWithin(calls + 2, calls + 16);
    expect(await client.retries("made")).toBe(peer.asked.length - calls);
    expect(await client.retries("withheld")).toBeGreaterThan(50);
  });
});

describe("several addresses", () => {
  test("get calls in turn", async () => {
    const peers = [await peerAt(opened), await peerAt(opened), await peerAt(opened)];
    const client = await peerClient(peers.map(({ url }) => url));
    for (let n = 0; n < 30; n++) await client.call();
    expect(peers.map(({ asked }) => asked.length)).toEqual([10, 10, 10]);
  });

  test("cover for one that is dead, which is dropped and taken back", async () => {
    const alive = await peerAt(opened);
    const port = await freePort();
    const dead = `http://127.0.0.1:${port}`;
    const client = await peerClient([dead, alive.url]);
    for (let n = 0; n < 50; n++) expect(await codeOf(client.call())).toBe("Ok");
    expect(alive.asked).toHaveLength(50);
    expect(await client.breakers()).toEqual({ [dead]: 1, [alive.url]: 0 });

    const revived = await peerAt(opened, { port });
    await eventually(async () => {
      await client.call();
      return revived.asked.length > 0;
    }, 10_000);
    expect(await client.breakers()).toEqual({ [dead]: 0, [alive.url]: 0 });
  });

  test("cover for one that does not answer, within the call's deadline", async () => {
    const stopped = await peerAt(opened);
    const alive = await peerAt(opened);
    stopped.script = hang;
    const client = await peerClient([stopped.url, alive.url]);
    // As many as the retry budget covers.
    expect(await codesOf(8, () => client.call())).toEqual({ Ok: 8 });
    expect([stopped.asked.length, alive.asked.length]).toEqual([4, 8]);
  });

  test("are looked up again: new ones are used, those that are gone no more", async () => {
    const former = await peerAt(opened);
    const latter = await peerAt(opened);
    const names: (readonly string[])[] = [[former.url]];
    const client = await peerClient(["http://users.example"], {
      async resolve() {
        // One answer each; when there is none, the name server is away.
        const addresses = names.shift();
        if (addresses === undefined) throw new Error("no such name");
        return addresses;
      },
    });
    await client.call();
    expect(former.asked).toHaveLength(1);
    names.push([latter.url]);
    await eventually(async () => names.length === 0, 15_000);
    await eventually(async () => {
      await client.call();
      return latter.asked.length > 0;
    }, 5_000);
    const { length } = former.asked;
    expect(await codesOf(5, () => client.call())).toEqual({ Ok: 5 });
    expect(former.asked).toHaveLength(length);
    expect(await client.breakers()).toEqual({ [latter.url]: 0 });
  });

  test("stay in use while the name cannot be looked up", async () => {
    const peer = await peerAt(opened);
    let lookups = 0;
    const client = await peerClient(["http://users.example"], {
      async resolve() {
        if (lookups++ > 0) throw new Error("no such name");
        return [peer.url];
      },
    });
    await eventually(async () => lookups > 1, 15_000);
    expect(await codeOf(client.call())).toBe("Ok");
  });

  test("none of which is known fail calls at once", async () => {
    const client = await peerClient(["http://users.example"], {
      resolve: () => Promise.reject(new Error("no such name")),
    });
    expect(await codeOf(client.call())).toBe("Unavailable");
    expect(client.logged("peer_not_resolved")).toBe(1);
  });

  test("of a client that was closed are looked up no more, and keep no connection", async () => {
    const peer = await peerAt(opened);
    const lookups = { closed: 0, open: 0 };
    const lookUp = (name: keyof typeof lookups) => async () => {
      lookups[name] += 1;
      return [peer.url];
    };
    const closed = await peerClient(["http://users.example"], { resolve: lookUp("closed") });
    await closed.call();
    expect(peer.open).toBe(1);
    closed.close();
    await eventually(async () => peer.open === 0, 5_000);
    expect(await codeOf(closed.call())).toBe("Unavailable");
    expect(await closed.breakers()).toEqual({});
    // Opened later, so it is later that this one looks again.
    const open = await peerClient(["http://users.example"], { resolve: lookUp("open") });
    await eventually(async () => lookups.open === 2, 15_000);
    expect(lookups.closed).toBe(1);
    open.close();
  });

  test("are those that a URL's name stands for", async () => {
    expect(await addressesOf("http://127.0.0.1:8080")).toEqual(["http://127.0.0.1:8080"]);
    expect(await addressesOf("http://127.0.0.1/")).toEqual(["http://127.0.0.1:80"]);
    expect(await addressesOf("http://[::1]:8080")).toEqual(["http://[::1]:8080"]);
    expect(await addressesOf("http://localhost:8080")).toContain("http://127.0.0.1:8080");
    expect(await addressesOf("https://users.example")).toEqual(["https://users.example"]);
    await expect(addressesOf("http://no-such-host.invalid")).rejects.toThrow();
  });
});

import { afterAll, describe, expect, test } from "bun:test";
import { RedisClient } from "bun";
import { startRedis } from "../tools/local/redis.ts";
import { eventually } from "../tools/testing/eventually.ts";
import { openProxy } from "../tools/testing/proxy.ts";
import { testRedisUrl } from "../tools/testing/redis.ts";
import { inProcessStore, type KeyValueStore, redisStore } from "./keyvalue.ts";

const url = testRedisUrl();
const errors: string[] = [];
const onError = (error: Error): void => void errors.push(error.message);

const WITHIN_MS = 10_000;

const answers = (store: KeyValueStore): Promise<boolean> =>
  store.ping().then(
    () => true,
    () => false,
  );

async function connected(store: KeyValueStore): Promise<KeyValueStore> {
  await eventually(() => answers(store), WITHIN_MS);
  return store;
}

const stores: [name: string, open: () => KeyValueStore, there: boolean][] = [
  ["in this process", inProcessStore, true],
  [
    "on Redis",
    () => redisStore({ url: url ?? "", password: undefined, onError }),
    url !== undefined,
  ],
];

for (const [name, open, there] of stores) {
  describe.skipIf(!there)(`a key-value store ${name}`, () => {
    const opened = there ? connected(open()) : Promise.reject(new Error("not installed"));
    opened.catch(() => {});
    const key = (what: string): string => `keyvalue.test:${what}:${Bun.randomUUIDv7()}`;
    afterAll(async () => (await opened).close());

    test("carries messages to every subscriber of a channel, in order", async () => {
      const store = await opened;
      const channel = key("channel");
      const heard: string[] = [];
      const { promise: third, resolve } = Promise.withResolvers<void>();
      await listening(store, channel, (message) => {
        heard.push(message);
        if (heard.length === 3) resolve();
      });
      await store.publish(key("another"), "x");
      for (const message of ["a", "b", "c"]) await store.publish(channel, message);
      await third;
      expect(heard).toEqual(["a", "b", "c"]);
    });
  });
}

/** Resolves once it listens for the first time. */
function listening(
  store: KeyValueStore,
  channel: string,
  listener: (message: string) => void,
): Promise<void> {
  return new Promise((resolve) => store.subscribe(channel, listener, resolve));
}

describe("a Redis that is not there", () => {
  test("fails calls at once instead of holding them", async () => {
    const store = redisStore({ url: "redis://127.0.0.1:1", password: undefined, onError });
    const started = performance.now();
    await expect(store.publish("x", "y")).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(1_500);
    await eventually(
      async () => errors.some((message) => message.includes("ECONNREFUSED")),
      WITHIN_MS,
    );
    await store.close();
  });
});

describe.skipIf(url === undefined)("a Redis that comes later", () => {
  test("is subscribed to then, though it refused at first", async () => {
    await using own = await ownRedis();
    // What a server that is still loading does too: it is there, and refuses.
    await own.admin.send("ACL", ["SETUSER", "default", "resetchannels"]);
    const refusals: string[] = [];
    await using store = storeAt(own.url, ({ message }) => void refusals.push(message));
    const heard: string[] = [];
    const begun = listening(store, "late", (message) => void heard.push(message));
    await eventually(async () => refusals.some((text) => text.includes("NOPERM")), WITHIN_MS);
    await own.admin.send("ACL", ["SETUSER", "default", "allchannels"]);
    await begun;
    await store.publish("late", "a");
    await eventually(async () => heard.length > 0, WITHIN_MS);
    expect(heard).toEqual(["a"]);
  });

  test("is subscribed to when it is there, and again when it was away, each listener once", async () => {
    await using own = await ownRedis();
    const proxy = await openProxy(Number(new URL(own.url).port));
    proxy.cut();
    await using store = storeAt(`redis://127.0.0.1:${proxy.port}`, onError);
    const heard: string[] = [];
    let times = 0;
    store.subscribe(
      "away",
      (message) => void heard.push(message),
      () => {
        times += 1;
      },
    );
    await eventually(async () => proxy.connections >= 4, WITHIN_MS);
    expect(times).toBe(0);
    for (const time of [1, 2]) {
      proxy.restore();
      await eventually(async () => times === time && (await answers(store)), WITHIN_MS);
      await store.publish("away", String(time));
      await eventually(async () => heard.length >= time, WITHIN_MS);
      proxy.cut();
    }
    expect(heard).toEqual(["1", "2"]);
    await proxy.close();
  });
});

/** A Redis that nobody else uses, and a connection to it that stays. */
async function ownRedis() {
  const redis = await startRedis();
  if (redis === null) throw new Error("redis-server is not installed");
  const admin = new RedisClient(redis.url);
  return {
    url: redis.url,
    admin,
    async [Symbol.asyncDispose]() {
      admin.close();
      await redis.stop();
    },
  };
}

function storeAt(at: string, told: (error: Error) => void) {
  const store = redisStore({ url: at, password: undefined, onError: told });
  return { ...store, [Symbol.asyncDispose]: () => store.close() };
}

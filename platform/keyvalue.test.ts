import { afterAll, describe, expect, test } from "bun:test";
import { testRedisUrl } from "../tools/testing/redis.ts";
import { inProcessStore, type KeyValueStore, redisStore } from "./keyvalue.ts";

const url = testRedisUrl();
const errors: string[] = [];
const onError = (error: Error): void => void errors.push(error.message);

/** Resolves once the condition holds; asks every few milliseconds, for five seconds at most. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5_000; !(await condition()); await Bun.sleep(5)) {
    if (Date.now() > end) throw new Error("it did not come to pass within five seconds");
  }
}

const answers = (store: KeyValueStore): Promise<boolean> =>
  store.ping().then(
    () => true,
    () => false,
  );

async function connected(store: KeyValueStore): Promise<KeyValueStore> {
  await until(() => answers(store));
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

    test("keeps values", async () => {
      const store = await opened;
      const name = key("kept");
      expect(await store.get(name)).toBeNull();
      await store.set(name, "one", 60_000);
      await store.set(name, "two", 60_000);
      expect(await store.get(name)).toBe("two");
      await store.delete(name);
      expect(await store.get(name)).toBeNull();
    });

    test("forgets them in time", async () => {
      const store = await opened;
      const name = key("short");
      await store.set(name, "value", 30);
      await until(async () => (await store.get(name)) === null);
    });

    test("carries messages to every subscriber of a channel, in order", async () => {
      const store = await opened;
      const channel = key("channel");
      const heard: string[] = [];
      const { promise: third, resolve } = Promise.withResolvers<void>();
      await store.subscribe(channel, (message) => {
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

describe("a Redis that is not there", () => {
  test("fails calls at once instead of holding them", async () => {
    const store = redisStore({ url: "redis://127.0.0.1:1", password: undefined, onError });
    const started = performance.now();
    await expect(store.get("x")).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(1_500);
    await until(async () => errors.some((message) => message.includes("ECONNREFUSED")));
    await store.close();
  });
});

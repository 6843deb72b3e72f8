import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Redis, startRedis } from "../tools/local/redis.ts";
import { eventually } from "../tools/testing/eventually.ts";
import { Failure, retryHeaders, unauthenticated } from "./errors.ts";
import { type KeyValueStore, redisStore } from "./keyvalue.ts";
import { type Limit, type Limits, openLimits } from "./limits.ts";
import { openMetrics } from "./metrics.ts";

const metrics = openMetrics();
const redis = await startRedis();
const stores: KeyValueStore[] = [];
const wrong = async () => {
  throw unauthenticated();
};
const right = async () => "done";

function connect({ url }: Pick<Redis, "url">): KeyValueStore {
  return redisStore({ url, password: undefined, onError: () => {} });
}

async function connected(server: Redis): Promise<KeyValueStore> {
  const store = connect(server);
  stores.push(store);
  await eventually(async () => store.redis?.isReady === true, 5_000);
  return store;
}

/** What became of a try: what the work answered, `wrong`, or the refusal. */
async function tryOnce(limit: Limit, key: string, work: () => Promise<string>) {
  try {
    return await limit.run(key, work);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.kind === "rateLimited" ? error : error.kind;
  }
}

async function tryTimes(times: number, limit: Limit, key: string, work: () => Promise<string>) {
  return Array.fromAsync({ length: times }, () => tryOnce(limit, key, work));
}

function refusals(outcomes: readonly unknown[]): Failure[] {
  return outcomes.filter((outcome) => outcome instanceof Failure);
}

const places: [name: string, open: () => Promise<Limits>, there: boolean][] = [
  ["counting in this process", async () => openLimits(undefined, metrics), true],
  [
    "counting in Redis",
    async () => {
      if (redis === null) throw new Error("not installed");
      return openLimits((await connected(redis)).redis, metrics);
    },
    redis !== null,
  ],
];

afterAll(async () => {
  for (const store of stores) await store.close();
  await redis?.stop();
});

for (const [name, open, there] of places) {
  describe.skipIf(!there)(name, () => {
    let limits: Limits;
    const key = () => Bun.randomUUIDv7();

    beforeAll(async () => {
      limits = await open();
    });

    test("a limit of requests lets so many through, for each key", async () => {
      const limit = limits.requests(key(), { points: 3, seconds: 60 });
      const outcomes = await tryTimes(5, limit, "a", right);
      expect(outcomes.slice(0, 3)).toEqual(["done", "done", "done"]);
      expect(refusals(outcomes)).toHaveLength(2);
      expect(await tryOnce(limit, "b", right)).toBe("done");
    });

    test("a refusal says which limit it is and when to come back", async () => {
      const limit = limits.requests("told", { points: 1, seconds: 60 });
      const name = key();
      const [, refusal] = await tryTimes(2, limit, name, right);
      if (!(refusal instanceof Failure)) throw new Error("it was not refused");
      expect(refusal.retryAfter).toBeWithin(50, 61);
      expect(retryHeaders(refusal)).toEqual({
        "retry-after": String(refusal.retryAfter),
        ratelimit: `"told";r=0;t=${refusal.retryAfter}`,
        "ratelimit-policy": '"told";q=1;w=60',
      });
      expect(await metrics.registry.metrics()).toContain(
        'rate_limit_refusals_total{limit="told"} ',
      );
    });

    test("it forgets when its time is over", async () => {
      const limit = limits.requests(key(), { points: 1, seconds: 1 });
      expect(refusals(await tryTimes(2, limit, "a", right))).toHaveLength(1);
      await eventually(async () => (await tryOnce(limit, "a", right)) === "done", 10_000);
    });

    test("a limit of failures counts only what was wrong", async () => {
      const limit = limits.failures(key(), { points: 3, seconds: 60 });
      expect(refusals(await tryTimes(10, limit, "a", right))).toEqual([]);
      const broken = async () => {
        throw new Failure("unavailable", "unavailable", "away");
      };
      expect(refusals(await tryTimes(10, limit, "a", broken))).toEqual([]);
      expect(await tryTimes(2, limit, "a", wrong)).toEqual(["unauthenticated", "unauthenticated"]);
      expect(await tryOnce(limit, "a", right)).toBe("done");
      expect(await tryOnce(limit, "a", wrong)).toBe("unauthenticated");
      expect(refusals(await tryTimes(5, limit, "a", right))).toHaveLength(5);
      expect(await tryOnce(limit, "b", right)).toBe("done");
    });

    test("of fifty right ones at once none is refused, of fifty wrong ones all but three", async () => {
      const limit = limits.failures(key(), { points: 3, seconds: 60 });
      let tried = 0;
      const atOnce = (name: string, work: () => Promise<string>) =>
        Promise.all(
          Array.from({ length: 50 }, () =>
            tryOnce(limit, name, async () => {
              tried++;
              await Bun.sleep(1);
              return work();
            }),
          ),
        );
      expect(refusals(await atOnce("right", right))).toEqual([]);
      tried = 0;
      expect(refusals(await atOnce("wrong", wrong))).toHaveLength(47);
      expect(tried).toBe(3);
    });

    test("a limit of guesses makes each further one wait longer", async () => {
      // Waits of 2, 4, 8, … 128 s.
      const limit = limits.guesses(key(), { points: 3, seconds: 128 });
      const first = await tryTimes(5, limit, "a", wrong);
      expect(first.slice(0, 3)).toEqual(Array(3).fill("unauthenticated"));
      expect(refusals(first)).toHaveLength(2);
      for (const { retryAfter } of refusals(first)) expect(retryAfter).toBeWithin(1, 3);
      await eventually(
        async () => (await tryOnce(limit, "a", wrong)) === "unauthenticated",
        10_000,
      );
      const [second] = refusals(await tryTimes(1, limit, "a", right));
      expect(second?.retryAfter).toBeWithin(3, 5);
      expect(await tryOnce(limit, "b", right)).toBe("done");
    });

    test("no wait is longer than the limit's own", async () => {
      const limit = limits.guesses(key(), { points: 1, seconds: 1 });
      for (let failures = 1; failures <= 3; failures++) {
        await eventually(
          async () => (await tryOnce(limit, "a", wrong)) === "unauthenticated",
          10_000,
        );
        const [refusal] = refusals(await tryTimes(1, limit, "a", wrong));
        if (refusal !== undefined) expect(refusal.retryAfter).toBe(1);
      }
    });

    test("a right guess makes the wrong ones before forgotten", async () => {
      const limit = limits.guesses(key(), { points: 3, seconds: 900 });
      for (let round = 1; round <= 3; round++) {
        expect(await tryTimes(2, limit, "a", wrong)).toEqual([
          "unauthenticated",
          "unauthenticated",
        ]);
        expect(await tryOnce(limit, "a", right)).toBe("done");
      }
    });

    test("a guess that was neither right nor wrong changes nothing", async () => {
      const limit = limits.guesses(key(), { points: 3, seconds: 900 });
      const more = async () => {
        throw new Failure("unauthenticated", "second_factor_required", "a code is needed");
      };
      expect(await tryTimes(2, limit, "a", wrong)).toEqual(["unauthenticated", "unauthenticated"]);
      expect(refusals(await tryTimes(5, limit, "a", more))).toEqual([]);
      expect(await tryOnce(limit, "a", wrong)).toBe("unauthenticated");
      expect(refusals(await tryTimes(1, limit, "a", more))).toHaveLength(1);
    });

    test("of twenty wrong guesses at once no more are tried than are free", async () => {
      const limit = limits.guesses(key(), { points: 5, seconds: 900 });
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => tryOnce(limit, "a", wrong)),
      );
      expect(refusals(outcomes)).toHaveLength(15);
    });
  });
}

describe.skipIf(redis === null)("processes that share a Redis", () => {
  test("count together", async () => {
    if (redis === null) throw new Error("not installed");
    const server = redis;
    const process = async () =>
      openLimits((await connected(server)).redis, metrics).requests("shared", {
        points: 3,
        seconds: 60,
      });
    const [one, two] = await Promise.all([process(), process()]);
    expect(refusals(await tryTimes(2, one, "a", right))).toEqual([]);
    expect(refusals(await tryTimes(3, two, "a", right))).toHaveLength(2);
  });
});

/** More than one timeout of Redis, far less than one for each request. */
const NOT_STALLED_MS = 3_000;

describe.skipIf(redis === null)("a Redis that goes away", () => {
  test.each(["is killed", "hangs"])("when it %s, each process goes on counting", async (how) => {
    const server = await startRedis();
    if (server === null) throw new Error("not installed");
    const store = await connected(server);
    const limit = openLimits(store.redis, metrics).failures("away", { points: 5, seconds: 600 });
    expect(refusals(await tryTimes(4, limit, "a", wrong))).toEqual([]);

    const { pid } = server;
    process.kill(pid, how === "hangs" ? "SIGSTOP" : "SIGKILL");
    const started = performance.now();
    const outcomes = await tryTimes(30, limit, "a", wrong);
    expect(performance.now() - started).toBeLessThan(NOT_STALLED_MS);
    expect(outcomes.slice(0, 5)).toEqual(Array(5).fill("unauthenticated"));
    expect(refusals(outcomes)).toHaveLength(25);
    expect(await tryOnce(limit, "b", right)).toBe("done");

    if (how === "hangs") {
      process.kill(pid, "SIGCONT");
      await eventually(async () => {
        await tryOnce(limit, "back", wrong);
        return (await ask(server, "GET", "limit:away:back")) !== null;
      }, 10_000);
    }
    await server.stop();
  });

  test("a process that starts without it counts for itself", async () => {
    const store = connect({ url: "redis://127.0.0.1:1" });
    const limit = openLimits(store.redis, metrics).requests("alone", { points: 2, seconds: 60 });
    expect(refusals(await tryTimes(4, limit, "a", right))).toHaveLength(2);
    await store.close();
  });
});

async function ask({ url }: Redis, command: string, ...words: string[]): Promise<unknown> {
  const client = new Bun.RedisClient(url);
  try {
    return await client.send(command, words);
  } finally {
    client.close();
  }
}

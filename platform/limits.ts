import { type BulkheadPolicy, BulkheadRejectedError, bulkhead } from "cockatiel";
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from "rate-limiter-flexible";
import { Failure, type Quota, rateLimited } from "./errors.ts";
import type { RedisCommands } from "./keyvalue.ts";
import type { Metrics } from "./metrics.ts";

/** So often within so many seconds. */
export interface Rate {
  readonly points: number;
  readonly seconds: number;
}

/** Bounds how often something is done for one key: an address, an account, a session. */
export interface Limit {
  readonly name: string;
  /** Does the work, or throws `rateLimited` instead. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/**
 * The ways to limit something. All but `local` count in Redis, for all processes together; while Redis
 * is away or slow each process counts for itself, beginning anew.
 */
export interface Limits {
  /** Counts everything, in this process: for what is done far too often to ask Redis each time. */
  local(name: string, rate: Rate): Limit;
  /** Counts everything. */
  requests(name: string, rate: Rate): Limit;
  /**
   * Counts what was tried with a wrong credential, that is, what failed as `unauthenticated`. It is
   * counted before it is tried and given back after, so that tries side by side do not slip through.
   * Of one key four are tried at once and the others wait: else people behind one address who sign in
   * at the same moment would use up what is only meant for failures.
   */
  failures(name: string, rate: Rate): Limit;
  /**
   * Slows a guesser down: after `points` failures in a row, within a day, each further try must wait
   * twice as long as the one before, from a 64th of `seconds` up to all of them. A success forgets the
   * failures.
   */
  guesses(name: string, rate: Rate): Limit;
}

/** A Redis that does not answer in this time is not waited for, */
const REDIS_TIMEOUT_MS = 300;
/** and for so long not asked again. */
const REDIS_PAUSE_MS = 1_000;
const AT_ONCE = 4;
const MAX_WAITING = 1_000;
const SHORTEST_WAIT = 1 / 64;
const DAY_S = 86_400;

/** @param redis is undefined where there is none: each process then counts for itself. */
export function openLimits(redis: RedisCommands | undefined, metrics: Metrics): Limits {
  const commands = redis && withDeadline(redis);

  function counter(name: string, { points, seconds }: Rate): RateLimiterAbstract {
    const options = { keyPrefix: `limit:${name}`, points, duration: seconds };
    const insuranceLimiter = new RateLimiterMemory(options);
    if (commands === undefined) return insuranceLimiter;
    return new RateLimiterRedis({
      ...options,
      storeClient: commands,
      useRedisPackage: true,
      rejectIfRedisNotReady: true,
      insuranceLimiter,
    });
  }

  /** Counts one. Throws `rateLimited` if that is one too many. */
  async function take(from: RateLimiterAbstract, quota: Quota, key: string, seconds?: number) {
    try {
      await from.consume(key, 1, seconds === undefined ? {} : { customDuration: seconds });
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw refused(quota, refusal.msBeforeNext);
    }
  }

  function refused(quota: Quota, afterMs: number): Failure {
    metrics.limitRefusals.inc({ limit: quota.name });
    return rateLimited(quota, Math.max(Math.ceil(afterMs / 1_000), 1));
  }

  function everything(quota: Quota, count: RateLimiterAbstract): Limit {
    return {
      name: quota.name,
      async run(key, work) {
        await take(count, quota, key);
        return work();
      },
    };
  }

  return {
    local(name, rate) {
      const { points, seconds: duration } = rate;
      return everything({ name, ...rate }, new RateLimiterMemory({ points, duration }));
    },

    requests: (name, rate) => everything({ name, ...rate }, counter(name, rate)),

    failures(name, rate) {
      const quota = { name, ...rate };
      const tries = counter(name, rate);
      const inTurn = turns(Math.min(AT_ONCE, rate.points), () => refused(quota, 1_000));
      return {
        name,
        run: (key, work) =>
          inTurn(key, async () => {
            let wrong = false;
            try {
              await take(tries, quota, key);
              return await work();
            } catch (thrown) {
              wrong = isWrongCredential(thrown);
              throw thrown;
            } finally {
              if (!wrong) await tries.reward(key);
            }
          }),
      };
    },

    guesses(name, rate) {
      const quota = { name, ...rate };
      const tries = counter(name, { points: rate.points, seconds: DAY_S });
      const waits = counter(`${name}:wait`, { points: 1, seconds: rate.seconds });
      return {
        name,
        async run(key, work) {
          const { consumedPoints } = await tries.penalty(key);
          // The last free one counts: it is from then on that the next one has to wait.
          const excess = consumedPoints - rate.points + 1;
          let begun = false;
          try {
            if (excess > 0) await take(waits, quota, key, waitAfter(excess, rate.seconds));
            begun = true;
            const result = await work();
            await tries.delete(key);
            return result;
          } catch (thrown) {
            if (isWrongCredential(thrown)) begun = false;
            else await tries.reward(key);
            throw thrown;
          } finally {
            // What was not wrong makes nobody wait; what was refused has begun no wait of its own.
            if (begun && excess > 0) await waits.delete(key);
          }
        },
      };
    },
  };
}

/** Seconds until the next try; `excess` is 1 for the first one that has to wait. */
function waitAfter(excess: number, longest: number): number {
  return Math.min(Math.ceil(longest * SHORTEST_WAIT * 2 ** (excess - 1)), longest);
}

/**
 * The one answer to whatever credential was not right. Other failures say nothing about one: that a
 * second factor is asked for, that the database is away.
 */
function isWrongCredential(thrown: unknown): boolean {
  return thrown instanceof Failure && thrown.code === "unauthenticated";
}

/** Lets a few at once do their work for a key, and the others in the order in which they came. */
function turns(atOnce: number, tooMany: () => Failure) {
  const gates = new Map<string, BulkheadPolicy>();
  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const gate = gates.get(key) ?? bulkhead(atOnce, MAX_WAITING);
    gates.set(key, gate);
    try {
      return await gate.execute(work);
    } catch (thrown) {
      throw thrown instanceof BulkheadRejectedError ? tooMany() : thrown;
    } finally {
      if (gate.executionSlots === atOnce) gates.delete(key);
    }
  };
}

/** The commands that RateLimiterRedis uses here, with a deadline for each. */
function withDeadline(redis: RedisCommands): RedisCommands {
  let pausedUntil = 0;

  async function inTime<T>(reply: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      pausedUntil = Date.now() + REDIS_PAUSE_MS;
      reject(new Error(`Redis did not answer within ${REDIS_TIMEOUT_MS} ms`));
    }, REDIS_TIMEOUT_MS);
    try {
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    get isReady(): boolean {
      return redis.isReady && Date.now() >= pausedUntil;
    },
    eval: (script, options) => inTime(redis.eval(script, options)),
    async del(key) {
      if (!this.isReady) throw new Error("Redis is away");
      return inTime(redis.del(key));
    },
  };
}

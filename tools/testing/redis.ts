import { startRedis } from "../local/redis.ts";

const { TEST_REDIS_URL } = process.env;
// Empty: tools/test.ts has looked, and there is none.
const url = TEST_REDIS_URL ?? (await startRedis())?.url;

/**
 * URL of a Redis that all test files share, or undefined where none is installed: then skip, with
 * `test.skipIf`. Take keys and channels that no other file takes.
 */
export function testRedisUrl(): string | undefined {
  return url || undefined;
}

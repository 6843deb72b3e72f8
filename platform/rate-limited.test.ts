import { afterAll, expect, test } from "bun:test";
import { startRedis } from "../tools/local/redis.ts";
import { refresh } from "../tools/testing/api/auth.ts";
import { listContacts } from "../tools/testing/api/contacts.ts";
import { describeForEveryClient, expectRefusal } from "../tools/testing/cases.ts";
import type { Outcome, Refusal } from "../tools/testing/clients/client.ts";
import { startServices } from "../tools/testing/services.ts";

const LIMIT = 10;
const rateLimited = { kind: "rateLimited", code: "rate_limited", fields: [] } as const;

const redis = await startRedis();
const services = await startServices({
  // A Redis of its own: other tests refresh wrongly from the same address.
  ...(redis !== null && { REDIS_URL: redis.url }),
  LIMIT_PER_SESSION: `${LIMIT}/1h`,
  LIMIT_REFRESH_PER_ADDRESS: `${LIMIT}/1h`,
});

/** The first refusal by a limit, after no more calls than it lets through. */
async function untilLimited(call: () => Promise<Outcome<unknown>>): Promise<Refusal> {
  for (let calls = 0; calls <= LIMIT; calls++) {
    const outcome = await call();
    if (!outcome.ok && outcome.code === "rate_limited") return outcome;
  }
  throw new Error(`it was not refused after ${LIMIT} calls`);
}

function expectTold(refusal: Refusal, limit: string): void {
  const seconds = Number(refusal.retry["retry-after"]);
  expect(seconds).toBeWithin(3_000, 3_601);
  expect(refusal.retry).toEqual({
    "retry-after": String(seconds),
    ratelimit: `"${limit}";r=0;t=${seconds}`,
    "ratelimit-policy": `"${limit}";q=${LIMIT};w=3600`,
  });
  expect(refusal.message).toContain(`wait ${seconds} s`);
}

await describeForEveryClient(services, (world) => {
  test("a session that asks too often is told when to come back", async () => {
    const outcome = await untilLimited(() => world.call(listContacts, {}));
    expectRefusal(world, outcome, rateLimited);
    expectTold(outcome, "session");
    const other = await world.call(listContacts, {}, { as: "sales" });
    expect(other.ok).toBe(true);
  });

  test("an address that fails too often is told when to come back", async () => {
    const outcome = await untilLimited(() =>
      world.call(refresh, { refreshToken: "nonsense" }, { as: "nobody" }),
    );
    expectRefusal(world, outcome, rateLimited);
    expectTold(outcome, "refresh");
  });
});

afterAll(() => redis?.stop());

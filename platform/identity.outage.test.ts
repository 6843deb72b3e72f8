import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { z } from "zod";
import { withClient } from "../tools/local/database.ts";
import { freePort } from "../tools/local/ports.ts";
import { startRedis } from "../tools/local/redis.ts";
import { testDatabase } from "../tools/testing/database.ts";
import { eventually } from "../tools/testing/eventually.ts";
import { openProxy } from "../tools/testing/proxy.ts";
import { kindOf, newRequest } from "../tools/testing/request.ts";
import { type ServiceProcess, startProcess } from "../tools/testing/service-process.ts";
import { type IdentityClient, identityClient } from "./identity.ts";
import { inProcessStore, type KeyValueStore, redisStore } from "./keyvalue.ts";
import { openLog } from "./log.ts";
import { openMetrics } from "./metrics.ts";

/** The real user-svc, killed, stopped, slowed, and cut off from Redis. */
setDefaultTimeout(60_000);

const database = await testDatabase();
const redis = await startRedis();
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const ENVIRONMENT = {
  NODE_ENV: "test",
  PORT: "0",
  DATABASE_URL: database.appUrl,
  CURSOR_SECRET: "a secret that is good for tests only",
  ENCRYPTION_SECRET: "a secret that is good for tests only",
  JWT_SIGNING_KEY: privateKey,
  BCRYPT_COST: "4",
  ...(redis !== null && { REDIS_URL: redis.url }),
};
const log = openLog("test", "error");
const session = z.object({ accessToken: z.string() });

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});
afterAll(async () => {
  await redis?.stop();
  await database.drop();
});

async function start(name: "user-svc" | "crm-svc", change: Record<string, string> = {}) {
  const service = await startProcess(name, { ...ENVIRONMENT, ...change });
  opened.defer(() => service.signal("SIGKILL"));
  return service;
}

async function post(url: string, body: object, token = ""): Promise<Response> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response;
}

/** As many access tokens, each of a session of its own. */
async function tokens(users: ServiceProcess, count: number): Promise<string[]> {
  const slug = `company-${Bun.randomUUIDv7()}`;
  const email = "ada@company.example";
  const password = "tin-orbit-lemon-73";
  const tenant = { name: "Company", slug };
  const registration = { tenant, email, password, fullName: "Ada" };
  const answers = [await post(`${users.url}/v1/auth/register`, registration)];
  while (answers.length < count) {
    answers.push(await post(`${users.url}/v1/auth/login`, { tenant: slug, email, password }));
  }
  return Promise.all(answers.map(async (answer) => session.parse(await answer.json()).accessToken));
}

async function clientOf(urls: readonly string[], keyValue: KeyValueStore = inProcessStore()) {
  opened.defer(() => keyValue.close());
  const metrics = openMetrics();
  const identity = await identityClient({ urls, keyValue, metrics, log });
  return {
    identity,
    breakers: async () => (await metrics.peerBreakers.get()).values.map(({ value }) => value),
    /** Resolves once it has listened for revocations so many times, which it starts anew with. */
    async listening(times: number): Promise<void> {
      await eventually(async () => {
        const { values } = await metrics.revocations.get();
        return values.some(({ labels, value }) => labels.outcome === "missed" && value === times);
      }, 10_000);
    },
  };
}

function redisOn(port: number): KeyValueStore {
  return redisStore({ url: `redis://127.0.0.1:${port}`, password: undefined, onError: () => {} });
}

/** What kind of failure it is to ask whom a token stands for, or `none`. */
function outcomeOf(identity: IdentityClient, token: string, withinMs = 10_000): Promise<string> {
  const request = newRequest({ deadline: Date.now() + withinMs });
  return kindOf(identity.authenticate(token, request));
}

/** Resolves with the milliseconds from now until the last request that the token was good for. */
async function goodFor(identity: IdentityClient, token: string): Promise<number> {
  const from = performance.now();
  for (let last = from; ; await Bun.sleep(5)) {
    const started = performance.now();
    const outcome = await outcomeOf(identity, token);
    if (outcome === "unauthenticated") return last - from;
    if (outcome !== "none") throw new Error(outcome);
    last = started;
  }
}

/** The promise is 50 ms each; of many, because any one of them may be held up by something else. */
async function expectAtOnce(request: () => Promise<void>): Promise<void> {
  const durations: number[] = [];
  for (let n = 0; n < 21; n++) {
    const started = performance.now();
    await request();
    durations.push(performance.now() - started);
  }
  expect(durations.toSorted((a, b) => a - b)[10]).toBeLessThan(50);
}

async function expectUnavailableAtOnce(identity: IdentityClient): Promise<void> {
  await expectAtOnce(async () => {
    expect(await outcomeOf(identity, `unknown-${Bun.randomUUIDv7()}`)).toBe("unavailable");
  });
}

describe("user-svc", () => {
  test("killed in mid-call is unavailable at once, and used again when it is back", async () => {
    const users = await start("user-svc");
    const [known = "", unknown = ""] = await tokens(users, 2);
    const { identity, breakers } = await clientOf([users.url]);
    await withClient(database.ownerUrl, async (owner) => {
      await owner.query("BEGIN; LOCK TABLE identity.sessions IN ACCESS EXCLUSIVE MODE");
      const outcome = outcomeOf(identity, unknown);
      await eventually(async () => {
        const { rows } = await owner.query(
          "SELECT FROM pg_locks JOIN pg_database AS d ON d.oid = database WHERE NOT granted AND datname = current_database()",
        );
        return rows.length > 0;
      }, 5_000);
      await users.signal("SIGKILL");
      expect(await outcome).toBe("unavailable");
      await owner.query("ROLLBACK");
    });
    await expectUnavailableAtOnce(identity);
    expect(await breakers()).toEqual([1]);

    await start("user-svc", { PORT: String(users.port) });
    await eventually(async () => (await outcomeOf(identity, unknown)) === "none", 20_000);
    expect(await outcomeOf(identity, known)).toBe("none");
    expect(await breakers()).toEqual([0]);
  });

  test("stopped is unavailable at once, but for those who are known", async () => {
    const users = await start("user-svc");
    const [known = "", unknown = ""] = await tokens(users, 2);
    const { identity, breakers } = await clientOf([users.url]);
    expect(await outcomeOf(identity, known)).toBe("none");
    await users.signal("SIGSTOP");
    expect(await outcomeOf(identity, known)).toBe("none");
    const waiting = Array.from({ length: 10 }, (_, n) => outcomeOf(identity, `unknown-${n}`));
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["unavailable"]));
    await expectUnavailableAtOnce(identity);
    expect(await breakers()).not.toEqual([0]);

    await users.signal("SIGCONT");
    await eventually(async () => (await outcomeOf(identity, unknown)) === "none", 20_000);
  });

  test("that is slow is waited for, once for all, as long as a request may", async () => {
    const users = await start("user-svc");
    const [first = "", second = "", third = ""] = await tokens(users, 3);
    const proxy = await openProxy(users.port);
    opened.defer(() => proxy.close());
    const { identity, breakers } = await clientOf([`http://127.0.0.1:${proxy.port}`]);
    proxy.delay(100);
    const before = await validations(users);
    const outcomes = Array.from({ length: 50 }, () => outcomeOf(identity, first));
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["none"]));
    expect((await validations(users)) - before).toBe(1);
    // Too short for the way there and back, which is not the fault of user-svc.
    const hurried = Array.from({ length: 10 }, () => outcomeOf(identity, second, 50));
    expect(new Set(await Promise.all(hurried))).toEqual(new Set(["deadline"]));
    expect(await breakers()).toEqual([0]);

    proxy.delay(1_500);
    const waiting = Array.from({ length: 10 }, (_, n) => outcomeOf(identity, `unknown-${n}`));
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["unavailable"]));
    expect(await breakers()).not.toEqual([0]);
    proxy.delay(0);
    await eventually(async () => (await outcomeOf(identity, third)) === "none", 20_000);
  });

  test("at two addresses, one of them dead, is there for everybody", async () => {
    const users = await start("user-svc");
    const dead = `http://127.0.0.1:${await freePort()}`;
    const { identity, breakers } = await clientOf([dead, users.url]);
    for (let n = 0; n < 20; n++) {
      expect(await outcomeOf(identity, `unknown-${n}`)).toBe("unauthenticated");
    }
    expect((await breakers()).toSorted()).toEqual([0, 1]);
  });

  test("killed leaves crm-svc with those who are known, and 503 for the others", async () => {
    const users = await start("user-svc");
    const [known = "", unknown = ""] = await tokens(users, 2);
    const crm = await start("crm-svc", { USER_SVC_URL: users.url });
    const contacts = (token: string) =>
      fetch(`${crm.url}/v1/contacts`, { headers: { authorization: `Bearer ${token}` } });
    // It forgets whom it knows when it has begun to listen for revocations.
    await eventually(async () => (await metricsOf(crm)).includes('{outcome="missed"} 1'), 10_000);
    expect((await contacts(known)).status).toBe(200);
    await users.signal("SIGKILL");
    expect((await contacts(known)).status).toBe(200);
    await expectAtOnce(async () => {
      const refused = await contacts(unknown);
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    });
    expect(await metricsOf(crm)).toMatch(
      /^peer_breaker_state\{peer="user-svc",address="[^"]+"\} [12]$/m,
    );
    // What the metrics have asked before is the answer for a moment longer.
    await eventually(async () => (await fetch(`${crm.url}/ready`)).status === 503, 10_000);
  });
});

describe("a token that was revoked", () => {
  const logout = (users: ServiceProcess, token: string) =>
    post(`${users.url}/v1/auth/logout`, {}, token);

  test.skipIf(redis === null)("is refused within a second, told over Redis", async () => {
    const users = await start("user-svc");
    const [ended = "", other = ""] = await tokens(users, 2);
    const { identity, listening } = await clientOf([users.url], redisOn(portOf(redis?.url)));
    await listening(1);
    expect(await outcomeOf(identity, ended)).toBe("none");
    expect(await outcomeOf(identity, other)).toBe("none");
    await logout(users, ended);
    expect(await goodFor(identity, ended)).toBeLessThan(1_000);
    expect(await outcomeOf(identity, other)).toBe("none");
  });

  test("is refused within five seconds where Redis is away", async () => {
    const users = await start("user-svc");
    const [ended = ""] = await tokens(users, 1);
    const { identity } = await clientOf([users.url], redisOn(await freePort()));
    expect(await outcomeOf(identity, ended)).toBe("none");
    await logout(users, ended);
    expect(await goodFor(identity, ended)).toBeLessThan(5_000);
  });

  test.skipIf(redis === null)("while Redis was away is refused as soon as it is back", async () => {
    const users = await start("user-svc");
    const [ended = ""] = await tokens(users, 1);
    const proxy = await openProxy(portOf(redis?.url));
    opened.defer(() => proxy.close());
    const { identity, listening } = await clientOf([users.url], redisOn(proxy.port));
    await listening(1);
    expect(await outcomeOf(identity, ended)).toBe("none");
    proxy.cut();
    await logout(users, ended);
    proxy.restore();
    await listening(2);
    expect(await outcomeOf(identity, ended)).toBe("unauthenticated");
  });
});

function portOf(url = ""): number {
  return Number(new URL(url).port);
}

async function metricsOf({ url }: ServiceProcess): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

/** How many calls of ValidateToken user-svc has answered. */
async function validations(users: ServiceProcess): Promise<number> {
  const counts = (await metricsOf(users)).matchAll(
    /^rpc_duration_seconds_count\{.*\/ValidateToken".*\} (\d+)$/gm,
  );
  return Array.from(counts, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
}

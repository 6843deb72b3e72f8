import { afterAll, expect, test } from "bun:test";
import { RedisClient } from "bun";
import { withClient } from "../../../../tools/local/database.ts";
import { startRedis } from "../../../../tools/local/redis.ts";
import { newSigningKey } from "../../../../tools/local/secrets.ts";
import { testDatabase } from "../../../../tools/testing/database.ts";
import { type ServiceProcess, startProcess } from "../../../../tools/testing/service-process.ts";
import { PASSWORD } from "../../../../tools/testing/services.ts";
import { type Session, session as sessionSchema } from "./schema.ts";

const running = new AsyncDisposableStack();
afterAll(() => running.disposeAsync());
const database = await testDatabase();
running.defer(() => database.drop());
const redis = await startRedis();
if (redis !== null) running.defer(() => redis.stop());

const environment = {
  NODE_ENV: "test",
  PORT: "0",
  DATABASE_URL: database.appUrl,
  REDIS_URL: redis?.url ?? "",
  CURSOR_SECRET: "a secret that is good for tests only",
  ENCRYPTION_SECRET: "another secret that is good for tests only",
  JWT_SIGNING_KEY: newSigningKey(),
  BCRYPT_COST: "4",
};

async function start(): Promise<ServiceProcess> {
  const service = await startProcess("user-svc", environment);
  running.defer(() => service.signal("SIGKILL"));
  return service;
}

function post(service: ServiceProcess, path: string, body: object, token = ""): Promise<Response> {
  return fetch(service.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
}

async function sessionFrom(answer: Promise<Response>): Promise<Session> {
  return sessionSchema.parse(await (await answer).json());
}

async function emptyRedis(): Promise<void> {
  if (redis === null) return;
  const client = new RedisClient(redis.url);
  await client.send("FLUSHALL", []);
  client.close();
}

/** Kills the service, which so can save nothing, and starts it anew. */
async function restart(service: ServiceProcess): Promise<ServiceProcess> {
  await service.signal("SIGKILL");
  return start();
}

test("neither a restart nor an emptied Redis makes a used token good, or a good one bad", async () => {
  let service = await start();
  const company = {
    tenant: { name: "Company", slug: "company" },
    email: "ada@company.example",
    password: PASSWORD,
    fullName: "Ada Admin",
  };
  const first = await sessionFrom(post(service, "/v1/auth/register", company));
  const refresh = ({ refreshToken }: Session) =>
    post(service, "/v1/auth/refresh", { refreshToken });
  const second = await sessionFrom(refresh(first));
  const third = await sessionFrom(refresh(second));

  service = await restart(service);
  await emptyRedis();
  // A repetition within ten seconds, however long the restart took: its answer may have got lost.
  await withClient(database.ownerUrl, (owner) =>
    owner.query("UPDATE identity.refresh_tokens SET used_at = now() WHERE used_at IS NOT NULL"),
  );
  expect((await sessionFrom(refresh(second))).refreshToken).toBe(third.refreshToken);
  const fourth = await sessionFrom(refresh(third));

  service = await restart(service);
  await emptyRedis();
  expect((await refresh(first)).status).toBe(401);
  expect((await refresh(fourth)).status).toBe(401);
  expect((await post(service, "/v1/auth/logout", {}, fourth.accessToken)).status).toBe(401);

  service = await restart(service);
  await emptyRedis();
  expect((await refresh(fourth)).status).toBe(401);
  expect((await post(service, "/v1/auth/logout", {}, fourth.accessToken)).status).toBe(401);
  const { rows } = await withClient(database.ownerUrl, (owner) =>
    owner.query("SELECT severity, user_id FROM identity.security_events WHERE event = $1", [
      "refresh_reused",
    ]),
  );
  expect(rows).toEqual([{ severity: "critical", user_id: first.user.id }]);
});

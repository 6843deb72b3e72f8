import { afterAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { withClient } from "../tools/local/database.ts";
import { testDatabase } from "../tools/testing/database.ts";

const USER_SVC = fileURLToPath(new URL("../user-svc/src/main.ts", import.meta.url));
const files = await testDatabase();
afterAll(() => files.drop());

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});

const GOOD = {
  NODE_ENV: "test",
  PORT: "0",
  DATABASE_URL: files.appUrl,
  CURSOR_SECRET: "0123456789abcdef0123456789abcdef",
  ENCRYPTION_SECRET: "fedcba9876543210fedcba9876543210",
  JWT_SIGNING_KEY: privateKey,
  BCRYPT_COST: "4",
};

function spawn(environment: Record<string, string>, ...args: string[]) {
  return Bun.spawn([process.execPath, USER_SVC, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Runs a service that is to end by itself. */
async function run(environment: Record<string, string>, ...args: string[]) {
  const child = spawn(environment, ...args);
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

/** Starts a service and resolves with its port once it listens. */
async function start(environment: Record<string, string>) {
  const child = spawn(environment);
  let log = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    log += chunk;
    const port = /"event":"listening","port":(\d+)/.exec(log)?.[1];
    if (port !== undefined) return { child, url: `http://127.0.0.1:${port}` };
  }
  throw new Error(`the service ended: ${log}${await new Response(child.stderr).text()}`);
}

describe("a service that cannot start", () => {
  test("names everything that is wrong with its configuration, and exits with 78", async () => {
    const { code, stderr } = await run({
      PORT: "x",
      JWT_SIGNING_KEY: "y",
      DB_MAX_CONNECTIONS: "0",
    });
    expect(code).toBe(78);
    for (const name of [
      "PORT",
      "DATABASE_URL",
      "DB_MAX_CONNECTIONS",
      "CURSOR_SECRET",
      "JWT_SIGNING_KEY",
    ]) {
      expect(stderr).toContain(`  ${name}: `);
    }
  });

  test("wants Redis and strong hashes in production, and a role that is bound", async () => {
    const production = { ...GOOD, NODE_ENV: "production" };
    const weak = await run(production);
    expect(weak).toMatchObject({ code: 78 });
    expect(weak.stderr).toContain("BCRYPT_COST: must be at least 12 in production");
    expect(weak.stderr).toContain("REDIS_URL: is not set, and production needs Redis");
    const alone = await run({ ...production, BCRYPT_COST: "12" });
    expect(alone).toMatchObject({ code: 78 });
    expect(alone.stderr).toContain("REDIS_URL: is not set, and production needs Redis");
    const owner = await run({
      ...production,
      BCRYPT_COST: "12",
      REDIS_URL: "redis://127.0.0.1:1",
      DATABASE_URL: files.ownerUrl,
    });
    expect(owner).toMatchObject({ code: 78 });
    expect(owner.stderr).toContain("owns tables");
  });

  test("says that its port is in use, and exits with 69", async () => {
    const squatter = createServer().listen(0);
    const address = squatter.address();
    const port = typeof address === "object" && address ? String(address.port) : "";
    const { code, stderr } = await run({ ...GOOD, PORT: port });
    expect(code).toBe(69);
    expect(stderr).toContain(port);
    squatter.close();
  });

  test("waits for its database with a message, then gives up with one", async () => {
    const { code, stdout, stderr } = await run({
      ...GOOD,
      DATABASE_URL: "postgres://crm_app@127.0.0.1:1/crm",
      DB_WAIT_SECONDS: "1",
    });
    expect(code).toBe(69);
    expect(stdout).toContain('"event":"waiting_for_database"');
    expect(stderr).toContain("PostgreSQL did not answer within 1 s");
  });
});

describe("the command line", () => {
  test("--check-config says all faults at once and does not start", async () => {
    const { code, stderr } = await run({ SMTP_URL: "smtp://mail", PORT: "x" }, "--check-config");
    expect(code).toBe(78);
    for (const fault of ["PORT: must", "DATABASE_URL: is not set", "REDIS_URL: is not set, and"]) {
      expect(stderr).toContain(`  ${fault}`);
    }
    expect(stderr).toContain("  MAIL_FROM: is not set, but SMTP_URL is");
    // A database that is away does not matter to it.
    const away = { ...GOOD, DATABASE_URL: "postgres://crm_app@127.0.0.1:1/crm" };
    expect((await run(away, "--check-config")).code).toBe(0);
  });

  test("that is not known is refused", async () => {
    expect(await run(GOOD, "--no-such")).toMatchObject({ code: 64 });
  });

  test("--health and --ready ask the process that listens", async () => {
    const { child, url } = await start({ ...GOOD, REDIS_URL: "redis://127.0.0.1:1" });
    const { port } = new URL(url);
    expect((await run({ PORT: port }, "--health")).code).toBe(0);
    expect((await run({ PORT: port }, "--ready")).code).toBe(1);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect((await run({ PORT: port }, "--health")).code).toBe(1);
  });
});

describe("a service that runs", () => {
  test("answers health, readiness and metrics, and ends with 0 on SIGTERM", async () => {
    const { child, url } = await start(GOOD);
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok" });
    expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({
      status: "ready",
      dependencies: { postgres: { ok: true }, redis: { ok: true } },
    });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      'http_request_duration_seconds_count{method="GET",route="/health",status="200"} 1',
    );
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("writes, before it ends, the events that wait to be kept", async () => {
    const { child, url } = await start(GOOD);
    const post = (path: string, body: object) =>
      fetch(`${url}/v1/auth/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const account = { email: "ada@company.example", password: "tin-orbit-lemon-73" };
    const tenant = { name: "Company", slug: "company" };
    expect((await post("register", { ...account, tenant, fullName: "Ada" })).status).toBe(201);
    const wrong = { ...account, tenant: tenant.slug, password: "not-the-password" };
    const failed = await post("login", wrong);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    const { rows } = await withClient(files.ownerUrl, (owner) =>
      owner.query("SELECT request_id FROM identity.security_events WHERE event = 'login_failed'"),
    );
    expect(rows).toEqual([{ request_id: failed.headers.get("x-request-id") }]);
  });

  test("is not ready while Redis is away, but alive", async () => {
    const { child, url } = await start({ ...GOOD, REDIS_URL: "redis://127.0.0.1:1" });
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const ready = await fetch(`${url}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      status: "unavailable",
      dependencies: { postgres: { ok: true }, redis: { ok: false } },
    });
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });
});

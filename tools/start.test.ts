import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoLogin } from "./demo/seed.ts";
import { freePort, isFree } from "./local/ports.ts";
import { deleteCluster } from "./local/postgres-home.ts";

const directory = await mkdtemp(join(tmpdir(), "crm-start-"));
const userPort = await freePort();
const crmPort = await freePort();
const environment = {
  ...process.env,
  // Not the tests' server: what is tried here is to start everything.
  DATABASE_URL: "",
  REDIS_URL: "",
  NODE_ENV: "",
  DATA_DIR: directory,
  USER_SVC_PORT: String(userPort),
  CRM_SVC_PORT: String(crmPort),
};

afterAll(async () => {
  await deleteCluster(join(directory, "postgres"));
  await rm(directory, { recursive: true });
});

function launch(changes: Record<string, string> = {}) {
  return Bun.spawn([process.execPath, join(import.meta.dir, "start.ts")], {
    env: { ...environment, ...changes },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Reads what a launcher writes until it has written `text`, or ended. Returns it all. */
async function outputUntil(launcher: ReturnType<typeof launch>, text: string): Promise<string> {
  const decoder = new TextDecoder();
  let output = "";
  for await (const chunk of launcher.stdout.values({ preventCancel: true })) {
    output += decoder.decode(chunk, { stream: true });
    if (output.includes(text)) break;
  }
  return output;
}

async function findDemoContact(): Promise<unknown> {
  const login = await fetch(`http://127.0.0.1:${userPort}/v1/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(demoLogin),
  });
  const { accessToken } = Object(await login.json());
  const found = await fetch(`http://127.0.0.1:${crmPort}/v1/contacts/search?q=nunez+ort`, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  return Object(await found.json()).items[0]?.lastName;
}

test("starts everything, keeps the data, refuses a second one, and ends on Ctrl-C", async () => {
  const first = launch();
  expect(await outputUntil(first, "Ctrl-C ends everything")).toContain("with 200 contacts");
  expect(await findDemoContact()).toBe("Núñez Ortega");

  const besides = launch();
  expect(await outputUntil(besides, "never")).toContain(
    `already runs with the data in ${directory}`,
  );
  expect(await besides.exited).toBe(1);
  first.kill("SIGINT");
  expect(await first.exited).toBe(0);
  expect(await isFree(userPort)).toBe(true);
  expect(await isFree(crmPort)).toBe(true);

  const second = launch();
  const output = await outputUntil(second, "Ctrl-C ends everything");
  expect(output).toContain("none to apply");
  expect(output).toContain("kept from earlier");
  expect(await findDemoContact()).toBe("Núñez Ortega");
  second.kill("SIGTERM");
  expect(await second.exited).toBe(0);
}, 120_000);

test("names every variable that cannot be used, and every port that is taken", async () => {
  const wrong = launch({ USER_SVC_PORT: "http", CRM_SVC_PORT: "70000", DATABASE_URL: "localhost" });
  const output = await outputUntil(wrong, "never");
  for (const name of ["USER_SVC_PORT", "CRM_SVC_PORT", "DATABASE_URL"]) {
    expect(output).toContain(`${name} must be`);
  }
  expect(await wrong.exited).toBe(1);

  const listener = Bun.listen({ hostname: "127.0.0.1", port: userPort, socket: { data() {} } });
  const refused = launch();
  expect(await outputUntil(refused, "never")).toContain(`Port ${userPort} is taken`);
  expect(await refused.exited).toBe(1);
  listener.stop();
}, 30_000);

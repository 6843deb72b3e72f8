import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { withClient } from "./local/database.ts";
import { testDatabase } from "./testing/database.ts";
import { COMPILED, commandOf } from "./testing/service-process.ts";

const database = await testDatabase();
const name = `${new URL(database.ownerUrl).pathname.slice(1)}_empty`;
const asAdmin = (statement: string) =>
  withClient(database.adminUrl, (admin) => admin.query(statement));
afterAll(async () => {
  await asAdmin(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  await database.drop();
});

async function migrate(environment: Record<string, string>) {
  const child = Bun.spawn(commandOf("migrate", join(import.meta.dir, "migrate.ts")), {
    ...(COMPILED !== undefined && { cwd: COMPILED }),
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, said: stdout + stderr };
}

test("fills an empty database, and leaves one that is up to date as it is", async () => {
  await asAdmin(`CREATE DATABASE "${name}" OWNER crm_owner TEMPLATE template0`);
  const url = new URL(database.ownerUrl);
  url.pathname = `/${name}`;
  const first = await migrate({ DATABASE_URL: url.href });
  expect(first).toMatchObject({ code: 0 });
  expect(first.said).toContain("Applied user/001_tenants_and_users, ");
  expect(first.said).toContain(", crm/001_contacts, ");
  const second = await migrate({ DATABASE_URL: url.href });
  expect(second).toMatchObject({ code: 0 });
  expect(second.said).toContain("Nothing to migrate.");
});

test("says what is wrong with its configuration, or that the server is away", async () => {
  expect(await migrate({})).toMatchObject({ code: 78 });
  const DATABASE_URL = "postgres://crm_owner@127.0.0.1:1/crm";
  const away = await migrate({ DATABASE_URL, DB_WAIT_SECONDS: "0" });
  expect(away).toMatchObject({ code: 69 });
  expect(away.said).toContain("Cannot sign in to PostgreSQL at 127.0.0.1:1/crm");
});

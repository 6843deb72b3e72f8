import { afterAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../testing/eventually.ts";
import { withClient } from "./database.ts";
import { isFree } from "./ports.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import { deleteCluster } from "./postgres-home.ts";

const directory = await mkdtemp(join(tmpdir(), "crm-postgres-"));
const options = {
  directory: join(directory, "cluster"),
  log: join(directory, "log"),
  durable: false,
};
afterAll(async () => {
  await deleteCluster(options.directory);
  await rm(directory, { recursive: true });
});

async function count({ adminUrl }: Postgres): Promise<unknown> {
  return withClient(adminUrl, async (client) => {
    await client.query("CREATE TABLE IF NOT EXISTS start (at timestamptz)");
    await client.query("INSERT INTO start VALUES (now())");
    const { rows } = await client.query<{ count: number }>("SELECT count(*)::int FROM start");
    return rows[0]?.count;
  });
}

async function processId(): Promise<number> {
  return Number.parseInt(await readFile(join(options.directory, "postmaster.pid"), "utf8"), 10);
}

test("the data, the port and the password outlast a stop", async () => {
  const first = await startPostgres(options);
  expect(await count(first)).toBe(1);
  await first.stop();
  expect(await first.ended).toBe("exit code 0");

  const second = await startPostgres(options);
  expect(second.adminUrl).toBe(first.adminUrl);
  expect(await count(second)).toBe(2);
  await second.stop();
}, 60_000);

test("it starts again after a SIGKILL, and in place of a server that was left over", async () => {
  const killed = await startPostgres(options);
  const before = Number(await count(killed));
  process.kill(await processId(), "SIGKILL");
  expect(await killed.ended).toBe("SIGKILL");

  const leftOver = await startPostgres(options);
  expect(await count(leftOver)).toBe(before + 1);
  const inPlace = await startPostgres(options);
  expect(await leftOver.ended).toBe("exit code 0");
  expect(await count(inPlace)).toBe(before + 2);
  await inPlace.stop();
}, 60_000);

test("it starts though another process has the number of the one that was killed", async () => {
  await writeFile(join(options.directory, "postmaster.pid"), `${process.pid}\n`);
  const server = await startPostgres(options);
  await server.stop();
}, 60_000);

test("it ends with the process that started it, even by SIGKILL", async () => {
  const script = `
    const { startPostgres } = await import(${JSON.stringify(join(import.meta.dir, "postgres.ts"))});
    const { adminUrl } = await startPostgres(${JSON.stringify(options)});
    process.stdout.write(adminUrl);
    await new Promise(() => setInterval(() => {}, 1_000));`;
  const starter = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const { value } = await starter.stdout.getReader().read();
  const port = Number(new URL(new TextDecoder().decode(value)).port);
  expect(await isFree(port)).toBe(false);

  starter.kill("SIGKILL");
  await eventually(() => isFree(port), 30_000);
  expect(await readFile(options.log, "utf8")).toEndWith("database system is shut down\n");
}, 60_000);

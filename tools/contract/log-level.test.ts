import { afterAll, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testDatabase } from "../testing/database.ts";
import { eventually } from "../testing/eventually.ts";
import { userEnvironment } from "../testing/service-environment.ts";
import { startProcess } from "../testing/service-process.ts";

/** Twice what docs/events.md promises. */
const WAIT_MS = 10_000;
const database = await testDatabase();
const directory = await mkdtemp(join(tmpdir(), "crm-level-"));
// Also for whom the executables are tested as.
await chmod(directory, 0o755);
const file = join(directory, "log-level");
await writeFile(file, "info\n");
const service = await startProcess("user-svc", {
  ...userEnvironment(database),
  LOG_LEVEL_FILE: file,
});
afterAll(async () => {
  await service.signal("SIGKILL");
  await database.drop();
  await rm(directory, { recursive: true });
});

async function requests(): Promise<number> {
  await fetch(`${service.url}/v1/users/me`);
  return service.log.filter((line) => line.includes('"event":"request"')).length;
}

test("LOG_LEVEL_FILE is the level from the start, and from when it is changed", async () => {
  await eventually(async () => (await requests()) > 0, WAIT_MS);
  await writeFile(file, "error\n");
  const changed = () => service.log.some((line) => line.includes('"event":"log_level_changed"'));
  await eventually(async () => changed(), WAIT_MS);
  const before = await requests();
  expect(await requests()).toBe(before);
  await writeFile(file, "info\n");
  await eventually(async () => (await requests()) > before, WAIT_MS);
});

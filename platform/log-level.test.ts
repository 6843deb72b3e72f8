import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../tools/testing/eventually.ts";
import { openLog } from "./log.ts";
import { followLogLevel } from "./log-level.ts";

const SOON_MS = 5_000;
const directory = await mkdtemp(join(tmpdir(), "crm-log-level-"));
const file = join(directory, "level");
const lines: string[] = [];
let unfollow = (): void => {};

afterEach(() => {
  unfollow();
  lines.length = 0;
});
afterAll(() => rm(directory, { recursive: true }));

function events(): unknown[] {
  return lines.map((line) => JSON.parse(line).event);
}

test("the level is what the file holds by now, also where it is replaced by a link", async () => {
  await writeFile(file, "info\n");
  const log = openLog("test", "info", { write: (line: string) => void lines.push(line) });
  unfollow = followLogLevel(log, file, 5);
  log.debug({ event: "unheard" });

  await writeFile(join(directory, "other"), "debug\n");
  await symlink(join(directory, "other"), join(directory, "link"));
  await rename(join(directory, "link"), file);
  await eventually(async () => log.level === "debug", SOON_MS);
  log.debug({ event: "heard" });

  await writeFile(join(directory, "other"), "error");
  await eventually(async () => log.level === "error", SOON_MS);
  log.warn({ event: "unheard" });
  expect(events()).toEqual(["log_level_changed", "heard", "log_level_changed"]);
  expect(JSON.parse(lines[2] ?? "")).toMatchObject({ level: "info", from: "debug", to: "error" });
});

test("what is no level changes nothing, and is told once", async () => {
  await writeFile(file, "loud");
  const log = openLog("test", "warn", { write: (line: string) => void lines.push(line) });
  unfollow = followLogLevel(log, file, 5);
  await eventually(async () => events().length === 1, SOON_MS);
  await unlink(file);
  await eventually(async () => events().length === 2, SOON_MS);
  await writeFile(file, "info");
  await eventually(async () => log.level === "info", SOON_MS);
  expect(events()).toEqual(["log_level_refused", "log_level_refused", "log_level_changed"]);
});

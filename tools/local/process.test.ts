import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../testing/eventually.ts";
import { lockDirectory } from "./lock.ts";

const directory = await mkdtemp(join(tmpdir(), "crm-process-"));
afterAll(() => rm(directory, { recursive: true }));

/** Runs a script in another process until it has written a line, which is returned with it. */
async function inAnotherProcess(script: string) {
  const child = Bun.spawn([process.execPath, "-e", script], { cwd: directory, stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  return { child, line: new TextDecoder().decode(value).trim() };
}

test("after a SIGKILL the commands run, the latest first, but for those taken back", async () => {
  const { child } = await inAnotherProcess(`
    const { runAtOurEnd } = await import(${JSON.stringify(join(import.meta.dir, "process.ts"))});
    runAtOurEnd("mv '${directory}/order' '${directory}/done'");
    runAtOurEnd("echo first >> '${directory}/order'");
    const takeBack = runAtOurEnd("echo taken back >> '${directory}/order'");
    runAtOurEnd("echo second >> '${directory}/order'");
    takeBack();
    process.stdout.write("ready");
    setInterval(() => {}, 1_000);`);
  child.kill("SIGKILL");
  await eventually(async () => existsSync(join(directory, "done")), 10_000);
  expect(await readFile(join(directory, "done"), "utf8")).toBe("second\nfirst\n");
});

test("a locked directory is refused, with the holder's number, until the holder is gone", async () => {
  const { child } = await inAnotherProcess(`
    const { lockDirectory } = await import(${JSON.stringify(join(import.meta.dir, "lock.ts"))});
    process.stdout.write(String(lockDirectory(${JSON.stringify(directory)})));
    setInterval(() => {}, 1_000);`);
  expect(lockDirectory(directory)).toBe(String(child.pid));
  child.kill("SIGKILL");
  await child.exited;
  expect(lockDirectory(directory)).toBeNull();
});

import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { installedBy } from "./clone.ts";
import { commandsOf, readPage } from "./page.ts";

const REPOSITORY = join(import.meta.dir, "../..");

test("CI installs what the quick start does: else it would skip that", async () => {
  const ci = new Set((await readFile(join(REPOSITORY, ".ci/run"), "utf8")).split(/[\s;]+/));
  const page = readPage(await readFile(join(REPOSITORY, "docs/quick-start.md"), "utf8"));
  const packages = page.sections
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.does === "paste" ? commandsOf(step.code) : []))
    .flatMap((command) => installedBy(command)?.apt ?? []);
  expect(packages).not.toBeEmpty();
  expect(packages.filter((name) => !ci.has(name))).toEqual([]);
});

import { afterAll, describe, expect, test } from "bun:test";
import { copyFile, mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { serviceConfig } from "@crm/platform/config";
import rootPackage from "../../package.json" with { type: "json" };
import { EXECUTABLES } from "../compile.ts";
import { argumentsOf, inContext, stagesOf } from "./dockerfile.ts";

const REPOSITORY = join(import.meta.dir, "../..");
const BUILD_TIMEOUT_MS = 240_000;
const FILES = {
  "user-svc": "user-svc/Dockerfile",
  "crm-svc": "crm-svc/Dockerfile",
  migrate: "tools/migrate.Dockerfile",
} as const;

const rules = (await readFile(join(REPOSITORY, ".dockerignore"), "utf8"))
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));
const scratch = await mkdtemp(join(tmpdir(), "crm-image-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** The files of the repository, but for those that nobody keeps. */
async function contextFiles(): Promise<string[]> {
  const child = Bun.spawn(["git", "ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: REPOSITORY,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const files = (await child.stdout.text()).split("\n").filter((file) => file !== "");
  return files.filter((file) => inContext(rules, file));
}

async function copyInto(directory: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const source = join(REPOSITORY, file);
    if (!(await stat(source).catch(() => null))?.isFile()) continue;
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await copyFile(source, join(directory, file));
  }
}

test("what goes into a build is sources: no packages, tests or data", () => {
  for (const file of [
    "package.json",
    "bun.lock",
    "bench/package.json",
    "sql/crm/001_contacts.sql",
  ]) {
    expect({ file, in: inContext(rules, file) }).toEqual({ file, in: true });
  }
  const kept = [
    ".git/config",
    ".data/app.url",
    ".env",
    "tools/.env",
    "bench/run.ts",
    "node_modules/zod/index.js",
  ];
  for (const file of [...kept, "tools/node_modules/pg/index.js", "platform/seal.test.ts"]) {
    expect({ file, in: inContext(rules, file) }).toEqual({ file, in: false });
  }
});

describe.each(EXECUTABLES)("%s", async (name) => {
  const path = join(REPOSITORY, FILES[name]);
  const [build = [], image = [], ...more] = await stagesOf(path);

  test("is built with the Bun of the repository, from all of its packages", () => {
    expect(more).toEqual([]);
    expect(argumentsOf(build, "FROM")).toEqual([
      `oven/bun:${rootPackage.engines.bun}-slim AS build`,
    ]);
    const copies = argumentsOf(build, "COPY").map((copy) => copy.split(" "));
    for (const workspace of rootPackage.workspaces) {
      expect(copies).toContainEqual([`${workspace}/package.json`, `${workspace}/`]);
    }
  });

  test("is an ordinary user's executable in an image with nothing else", () => {
    const executable = `/usr/local/bin/${name}`;
    const [directory = ""] = argumentsOf(build, "WORKDIR");
    expect(argumentsOf(image, "FROM")).toEqual(["gcr.io/distroless/base-nossl-debian12:nonroot"]);
    expect(argumentsOf(image, "COPY")).toEqual([
      `--from=build ${posix.join(directory, "executables", name)} ${executable}`,
    ]);
    expect(argumentsOf(image, "USER")).toEqual(["65532:65532"]);
    expect(argumentsOf(image, "RUN")).toEqual([]);
    expect(argumentsOf(image, "ENTRYPOINT")).toEqual([JSON.stringify([executable])]);
    if (name === "migrate") return;
    expect(argumentsOf(image, "EXPOSE")).toEqual([
      String(serviceConfig.shape.PORT.parse(undefined)),
    ]);
    const [health = ""] = argumentsOf(image, "HEALTHCHECK");
    expect(health).toEndWith(`CMD ["${executable}", "--health"]`);
  });

  test(
    "builds, and the executable runs without what it was built from",
    async () => {
      const directory = join(scratch, name);
      const files = await contextFiles();
      for (const { name: instruction, argument } of build) {
        if (instruction === "COPY") {
          const sources = argument.split(" ").slice(0, -1);
          const all = sources.includes(".");
          await copyInto(directory, all ? files : files.filter((file) => sources.includes(file)));
        }
        if (instruction === "RUN") {
          const child = Bun.spawn(["sh", "-c", argument], {
            cwd: directory,
            env: {
              ...process.env,
              PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
            },
            stdio: ["ignore", "pipe", "pipe"],
          });
          const said = (await Promise.all([child.stdout.text(), child.stderr.text()])).join("");
          expect({ argument, code: await child.exited, said }).toMatchObject({ argument, code: 0 });
        }
      }
      const executable = join(scratch, `${name}-alone`);
      await copyFile(join(directory, "executables", name), executable);
      await rm(directory, { recursive: true });
      const child = Bun.spawn([executable, "--check-config"], {
        cwd: "/",
        env: {},
        stdio: ["ignore", "pipe", "pipe"],
      });
      const said = (await Promise.all([child.stdout.text(), child.stderr.text()])).join("");
      expect(await child.exited).toBe(78);
      expect(said).toContain("DATABASE_URL: is not set");
    },
    BUILD_TIMEOUT_MS,
  );
});

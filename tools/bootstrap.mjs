// Runs a tool of this folder, such as `node tools/bootstrap.mjs start`, where nothing but Node and npm
// is installed: gets Bun and the packages first, if they are not there. Imports nothing but Node's own.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("..", import.meta.url));
const { engines, workspaces } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
const ownBun = join(repository, ".bun");

/** Of what a failed installation wrote; the first ones tell. */
const MOST_LINES = 12;

/** Bun of exactly the version that package.json names: the clone's own, or the PATH's. */
function findBun() {
  const platforms = join(ownBun, "node_modules/@oven");
  const own = existsSync(platforms)
    ? readdirSync(platforms).map((name) => join(platforms, name, "bin/bun"))
    : [];
  return [...own, "bun"].find((program) => {
    const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
    return stdout?.trim() === engines.bun;
  });
}

/**
 * Installs Bun into the clone. Its package's install script is skipped, as npm 11 would without
 * permission: all it does is to link the program that the platform's own package brings.
 */
function installBun() {
  // A package of its own, or npm would install into the clone. (Its option --prefix would do, but it
  // moves the global configuration too, and with it a company's proxy and certificates.)
  mkdirSync(ownBun, { recursive: true });
  writeFileSync(join(ownBun, "package.json"), "{}");
  const npm = process.env.npm_execpath;
  const options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
  // Else it takes more than a minute to say that there is no network.
  options.push("--fetch-retry-mintimeout=1000");
  const install = ["install", ...options, `bun@${engines.bun}`];
  const [program, args] = npm ? [process.execPath, [npm, ...install]] : ["npm", install];
  step(`Bun ${engines.bun}`, program, args, ownBun);
  return findBun() ?? fail(`npm has no Bun ${engines.bun} that runs on this computer.`);
}

/** Installs the packages, unless those of this very bun.lock are installed. */
function installPackages(bun) {
  const mark = join(repository, "node_modules/.installed");
  const lock = readFileSync(join(repository, "bun.lock"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  const complete = workspaces.every((name) => existsSync(join(repository, name, "node_modules")));
  if (complete && existsSync(mark) && readFileSync(mark, "utf8") === wanted) return;
  step("Packages", bun, ["install", "--frozen-lockfile"], repository);
  writeFileSync(mark, wanted);
}

/** Runs a program to its end and tells the time; tells what it wrote only if it fails. */
function step(name, program, args, cwd) {
  const since = performance.now();
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status !== 0) {
    const output = error ? String(error) : `${stdout}${stderr}`.trim();
    const offline =
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ConnectionRefused|FailedToOpenSocket|getaddrinfo|DNS/i;
    const beginning = output.split("\n").slice(0, MOST_LINES).join("\n");
    fail(
      `${beginning}\n\n${name} could not be installed. ${
        offline.test(output)
          ? "The package registry cannot be reached: go online, or set npm's registry or proxy, and try again."
          : "What it says is above."
      }`,
    );
  }
  const seconds = ((performance.now() - since) / 1_000).toFixed(2);
  process.stdout.write(
    `  ${name.padEnd(14)}${"installed".padEnd(56)}${`${seconds} s`.padStart(8)}\n`,
  );
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

if (process.platform === "win32") fail("On Windows this runs inside WSL only.");
const [tool, ...args] = process.argv.slice(2);
const bun = findBun() ?? installBun();
installPackages(bun);

// `bun` on the PATH is this one for whatever the tool starts.
const path = `${dirname(bun)}${delimiter}${process.env.PATH}`;
const child = spawn(bun, [join(repository, "tools", `${tool}.ts`), ...args], {
  stdio: "inherit",
  env: { ...process.env, PATH: bun === "bun" ? process.env.PATH : path },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`${bun} does not start: ${error.message}`));
// A death by signal is told as a shell would.
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));

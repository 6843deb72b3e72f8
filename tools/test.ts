import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile, EXECUTABLES } from "./compile.ts";
import { Fault } from "./local/fault.ts";
import { startRedis } from "./local/redis.ts";
import { say, step } from "./local/terminal.ts";
import { testChromium } from "./testing/chromium.ts";
import { startTestServer } from "./testing/server.ts";

const REPOSITORY = join(import.meta.dir, "..");
/** Bun's five seconds are short for a test that starts a service on a busy machine. */
const TEST_TIMEOUT_MS = 30_000;

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Runs `bun test` with these arguments, all test files or those whose paths contain one of them, on
 * what they need. Returns the exit code: 0 only if a test ran and none failed.
 *
 * With `SERVICES=compiled` in the environment, it is the services' executables that are tested, as an
 * ordinary user in a folder that is read-only.
 */
async function main(args: readonly string[]): Promise<number> {
  const running = new AsyncDisposableStack();
  try {
    const server = await step(
      "PostgreSQL",
      startTestServer,
      ({ adminUrl }) => new URL(adminUrl).host,
    );
    running.defer(() => server.stop());
    const redis = await step("Redis", startRedis, (found) => found?.url ?? "not installed");
    if (redis !== null) running.defer(() => redis.stop());
    await step(
      "Chromium",
      async () => testChromium(),
      (path) => path ?? "not installed",
    );
    say();

    const compiled = process.env["SERVICES"] === "compiled";
    const executables = compiled ? await step("executables", compileAll, String) : undefined;
    if (executables !== undefined) {
      running.defer(async () => {
        await chmod(executables, 0o700);
        await rm(executables, { recursive: true });
      });
    }

    const report = await mkdtemp(join(tmpdir(), "crm-report-"));
    running.defer(() => rm(report, { recursive: true }));
    const junit = join(report, "junit.xml");
    const { exitCode, counts } = await runTests(
      [
        "--parallel",
        `--timeout=${TEST_TIMEOUT_MS}`,
        "--reporter=junit",
        `--reporter-outfile=${junit}`,
        ...args,
      ],
      {
        TEST_ADMIN_URL: server.adminUrl,
        TEST_OWNER_URL: server.ownerUrl,
        TEST_APP_URL: server.appUrl,
        TEST_REDIS_URL: redis?.url ?? "",
        ...(executables !== undefined && { SERVICES_DIRECTORY: executables }),
      },
    );
    const skipped = skippedTests(await readFile(junit, "utf8").catch(() => ""));
    if (skipped.length > 0) say(`\nSkipped:\n${skipped.map((name) => `  ${name}`).join("\n")}`);
    if (counts.passed + counts.failed === 0) say("\nNo test ran.");
    say(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    return counts.passed === 0 || counts.failed > 0 ? 1 : exitCode;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    say(`\n${error.message}`);
    return 1;
  } finally {
    await running.disposeAsync();
  }
}

/** Compiles the services into a folder in which nobody may write. */
async function compileAll(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "crm-compiled-"));
  for (const name of EXECUTABLES) await compile(name, directory);
  await chmod(directory, 0o555);
  return directory;
}

async function runTests(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ exitCode: number; counts: Counts }> {
  const child = Bun.spawn(
    // Both streams in one, so that what a test writes stays under its name.
    ["/bin/sh", "-c", 'exec "$0" "$@" 2>&1', process.execPath, "test", ...args],
    {
      cwd: REPOSITORY,
      env: {
        ...(process.stdout.isTTY && { FORCE_COLOR: "1" }),
        ...process.env,
        ...environment,
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  // The child gets Ctrl-C too, and ends; what was started for it is then stopped in order.
  process.on("SIGINT", () => child.kill("SIGINT"));
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const decoder = new TextDecoder();
  let output = "";
  for await (const chunk of child.stdout) {
    process.stdout.write(chunk);
    output += decoder.decode(chunk, { stream: true });
  }
  const exitCode = (await child.exited) || (child.signalCode === null ? 0 : 1);
  return { exitCode, counts: countsOf(Bun.stripANSI(output), exitCode) };
}

/** Reads the summary that `bun test` ends with: ` 12 pass`, ` 1 skip`, … each on a line. */
function countsOf(output: string, exitCode: number): Counts {
  const summary = output.slice(output.lastIndexOf("\n\n"));
  const count = (word: string): number =>
    Number(summary.match(new RegExp(`^ *(\\d+) ${word}$`, "m"))?.[1] ?? 0);
  const failed = count("fail");
  return {
    passed: count("pass"),
    // A run that ended in another way has failed too, even before its first test.
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: count("skip") + count("todo"),
  };
}

/** Reads from a JUnit report which tests were skipped: file, groups and name. */
function skippedTests(report: string): string[] {
  const cases = report.matchAll(
    /<testcase name="([^"]*)" classname="([^"]*)"[^>]* file="([^"]*)"[^>]*[^/]>\s*<skipped/g,
  );
  return Array.from(cases, ([, name, groups, file]) =>
    unescapeXml([file, groups, name].filter(Boolean).join(" › ")),
  );
}

function unescapeXml(text: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(\w+);/g, (entity, name: string) => characters[name] ?? entity);
}

process.exit(await main(process.argv.slice(2)));

import { chmod } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Fault } from "./local/fault.ts";
import { say } from "./local/terminal.ts";

const REPOSITORY = join(import.meta.dir, "..");

/** What becomes an executable: its source, and the pattern of those of its threads. */
const SOURCES = {
  "user-svc": ["user-svc/src/main.ts", "user-svc/src/**/*.worker.ts"],
  "crm-svc": ["crm-svc/src/main.ts", "crm-svc/src/**/*.worker.ts"],
  migrate: ["tools/migrate.ts", undefined],
} as const;

export type ExecutableName = keyof typeof SOURCES;
export const EXECUTABLES = Object.keys(SOURCES) as readonly ExecutableName[];

/**
 * Compiles a service, or the migrations with all SQL files inside, into one executable that needs
 * nothing but the C library. Throws a Fault with what Bun says.
 */
export async function compile(name: ExecutableName, directory: string): Promise<string> {
  const outfile = join(resolve(directory), name);
  const [main, threads] = SOURCES[name];
  const workers = threads ? await Array.fromAsync(new Bun.Glob(threads).scan(REPOSITORY)) : [];
  const command = [
    ...[process.execPath, "build", "--compile", "--minify"],
    // All in one folder: the bundled code looks for `./name.worker.ts` beside itself.
    "--entry-naming=[name].[ext]",
    ...[main, ...workers],
    ...["--outfile", outfile],
  ];
  const child = Bun.spawn(command, { cwd: REPOSITORY, stdio: ["ignore", "pipe", "pipe"] });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Fault(`${name} does not compile:\n${output}${errors}`);
  await chmod(outfile, 0o555);
  return outfile;
}

if (import.meta.main) {
  const [directory, ...names] = process.argv.slice(2);
  const chosen = EXECUTABLES.filter((name) => names.length === 0 || names.includes(name));
  if (directory === undefined || names.some((name) => !chosen.some((known) => known === name))) {
    say(`usage: bun tools/compile.ts DIRECTORY [${EXECUTABLES.join("] [")}]`);
    process.exit(64);
  }
  for (const name of chosen) say(await compile(name, directory));
}

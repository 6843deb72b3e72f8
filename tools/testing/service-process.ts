import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../local/process.ts";

/** A service that runs as a process of its own, as it is deployed. */
export interface ServiceProcess {
  readonly port: number;
  readonly url: string;
  /** Resolves when the signal is sent; for SIGKILL, when the process has ended. */
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): Promise<void>;
  /** Resolves with the exit code, when the process has ended. */
  readonly ended: Promise<number>;
  /** Every line that it has logged. */
  readonly log: readonly string[];
}

/** Folder of the executables that are tested instead of the sources (`SERVICES=compiled npm test`). */
export const COMPILED = process.env["SERVICES_DIRECTORY"];

/** Nobody in particular, on every Linux. */
const NOBODY = 65_534;

/** Runs a source, or the executable of that name, as an ordinary user whoever runs the tests. */
export function commandOf(name: string, source: string): string[] {
  if (COMPILED === undefined) return [process.execPath, source];
  const executable = join(COMPILED, name);
  if (process.getuid?.() !== 0) return [executable];
  return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", executable];
}

/**
 * Starts a service, from its source or compiled, and resolves once it listens. Throws what it has
 * written if it ends before. To be killed in `afterAll`; it also ends when this process does.
 *
 * @param lines is where what it logs is put.
 */
export async function startProcess(
  name: "user-svc" | "crm-svc",
  environment: Readonly<Record<string, string>>,
  lines: string[] = [],
): Promise<ServiceProcess> {
  const main = fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url));
  const child = Bun.spawn(commandOf(name, main), {
    ...(COMPILED !== undefined && { cwd: COMPILED }),
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithUs(child, "SIGTERM");
  const { promise: listening, resolve, reject } = Promise.withResolvers<number>();
  // Read to its end, or the process would come to wait for us.
  const read = async (): Promise<void> => {
    for await (const line of createInterface({ input: Readable.from(child.stdout) })) {
      lines.push(line);
      const port = /"event":"listening","port":(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    }
    reject(new Error(`${name} ended:\n${lines.join("\n")}`));
  };
  const wholeLog = read().catch(reject);
  const port = await listening;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async signal(name) {
      child.kill(name);
      if (name === "SIGKILL") await child.exited;
    },
    ended: wholeLog.then(() => child.exited),
    log: lines,
  };
}

import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../local/process.ts";

/** A service that runs as a process of its own, as it is deployed. */
export interface ServiceProcess {
  readonly port: number;
  readonly url: string;
  /** Resolves when the signal is sent; for SIGKILL, when the process has ended. */
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void>;
}

/**
 * Starts a service from its source and resolves once it listens. Throws what it has written if it
 * ends before. To be killed in `afterAll`; it also ends when this process does.
 */
export async function startProcess(
  name: "user-svc" | "crm-svc",
  environment: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const main = fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url));
  const child = Bun.spawn([process.execPath, main], {
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithUs(child, "SIGTERM");
  const { promise: listening, resolve, reject } = Promise.withResolvers<number>();
  // Read to its end, or the process would come to wait for us.
  const read = async (): Promise<void> => {
    const lines: string[] = [];
    for await (const line of createInterface({ input: Readable.from(child.stdout) })) {
      lines.push(line);
      const port = /"event":"listening","port":(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    }
    reject(new Error(`${name} ended:\n${lines.join("\n")}`));
  };
  read().catch(reject);
  const port = await listening;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async signal(name) {
      child.kill(name);
      if (name === "SIGKILL") await child.exited;
    },
  };
}

import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { Fault } from "../tools/local/fault.ts";
import { endWithUs, howItEnds, stopProcess } from "../tools/local/process.ts";

const REPOSITORY = join(import.meta.dir, "..");
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 5;
const STOP_TIMEOUT_MS = 30_000;
const LAST_LINES = 12;
/** `USER_HZ`: the same on every Linux, whatever its kernel counts with. */
const TICKS_PER_SECOND = 100;

/** A service or a peer, running in a process of its own. */
export interface Server extends AsyncDisposable {
  readonly origin: string;
  /** Milliseconds from the start of the process until `GET /ready` answered 200. */
  readonly readyMs: number;
  /** Bytes of memory that the process holds now; undefined where there is no /proc. */
  residentBytes(): Promise<number | undefined>;
  /** Microseconds of processor time that it has used so far; undefined where there is no /proc. */
  cpuMicroseconds(): Promise<number | undefined>;
}

export interface ServerOptions {
  /** The program, from the repository's root, or an executable's path. It listens on `PORT` and answers `GET /ready`. */
  readonly entry: string;
  readonly port: number;
  /** All of its environment, but for PORT. */
  readonly environment: Readonly<Record<string, string>>;
  /** File that its output is appended to, by itself, as writing it is part of what it costs. */
  readonly log: string;
}

/**
 * Starts a program and waits until it is ready. It ends when this process does. Throws a Fault with
 * the last lines of its log if it does not come up.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { entry, port, environment, log } = options;
  const origin = `http://127.0.0.1:${port}`;
  const output = openSync(log, "a");
  const began = performance.now();
  const command = isAbsolute(entry) ? [entry] : [process.execPath, join(REPOSITORY, entry)];
  const child = Bun.spawn(command, {
    cwd: REPOSITORY,
    env: { ...environment, PORT: String(port) },
    stdio: ["ignore", output, output],
  });
  endWithUs(child, "SIGTERM");
  closeSync(output);

  for (let answer = await unready(origin); answer !== null; answer = await unready(origin)) {
    const late = performance.now() - began > READY_TIMEOUT_MS;
    if (late || child.exitCode !== null || child.signalCode !== null) {
      await stopProcess(child, "SIGTERM", STOP_TIMEOUT_MS);
      const reason = late ? `is not ready: ${answer}` : `ended: ${await howItEnds(child)}`;
      throw new Fault(`${entry} ${reason}\nIts last lines:\n${await lastLines(log)}`);
    }
    await Bun.sleep(POLL_MS);
  }

  return {
    origin,
    readyMs: performance.now() - began,
    async residentBytes() {
      const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(await procFile(child.pid, "status"))?.[1];
      return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024;
    },
    async cpuMicroseconds() {
      // After the program's name, which may hold anything: utime and stime are the 12th and 13th.
      const fields = (await procFile(child.pid, "stat")).split(") ").at(-1)?.split(" ") ?? [];
      const ticks = Number(fields[11]) + Number(fields[12]);
      return Number.isNaN(ticks) ? undefined : (ticks / TICKS_PER_SECOND) * 1e6;
    },
    [Symbol.asyncDispose]: () => stopProcess(child, "SIGTERM", STOP_TIMEOUT_MS),
  };
}

async function lastLines(file: string): Promise<string> {
  return (await readFile(file, "utf8")).split("\n").slice(-LAST_LINES).join("\n");
}

/** Null if it is ready, else what it says instead. */
async function unready(origin: string): Promise<string | null> {
  const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
  const response = await fetch(`${origin}/ready`, { signal }).catch(String);
  if (typeof response === "string") return response;
  const answer = await response.text();
  return response.ok ? null : answer;
}

async function procFile(pid: number, name: string): Promise<string> {
  return readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
}

import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { Fault } from "./fault.ts";
import { endWithUs, howItEnds, stopProcess } from "./process.ts";
import { say, styled } from "./terminal.ts";

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 25;
const STOP_TIMEOUT_MS = 30_000;
const LAST_LINES = 12;
const REPOSITORY = join(import.meta.dir, "../..");

export interface ServiceOptions {
  /** The service's folder, such as `user-svc`. */
  readonly name: string;
  readonly port: number;
  /** Added to the environment that this process has. */
  readonly environment: Readonly<Record<string, string>>;
  /** File that the service's output is appended to. */
  readonly log: string;
}

export interface Service {
  readonly name: string;
  /** Resolves when `GET /ready` answers 200. Throws a Fault with the last lines of the log if not. */
  ready(): Promise<void>;
  /** Resolves, when the service has ended for whatever reason, with how. */
  readonly ended: Promise<string>;
  /** The last lines that it wrote, made readable. */
  lastLines(): string;
  /** Asks it to drain and end, and resolves when it has. */
  stop(): Promise<void>;
}

/**
 * Starts a service from its source. Its output goes to the log; once it is ready, warnings and errors
 * are shown on the terminal too. It ends when this process does.
 */
export function startService(options: ServiceOptions): Service {
  const { name, port, log } = options;
  const child = Bun.spawn([process.execPath, join(REPOSITORY, name, "src/main.ts")], {
    cwd: REPOSITORY,
    env: { ...process.env, ...options.environment, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
    // Detached: Ctrl-C reaches this process only, which stops the services in order.
    detached: true,
  });
  endWithUs(child, "SIGTERM");
  const file = createWriteStream(log, { flags: "a" });
  const last: string[] = [];
  let serving = false;

  async function follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const line of createInterface({ input: Readable.from(stream) })) {
      file.write(`${line}\n`);
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      // Parsing every line would cost more than most requests do.
      if (serving && !/"level":"(debug|info)"/.test(line)) say(readable(name, line));
    }
  }
  const followed = Promise.all([follow(child.stdout), follow(child.stderr)]);
  const ended = howItEnds(child).then(async (how) => {
    await followed;
    file.end();
    return how;
  });
  const lastLines = () => last.map((line) => readable(name, line)).join("\n");

  async function ready(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    let answer = "no answer";
    while (Date.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Fault(
          `${name} ended as it started (${await ended}). Its last lines:\n${lastLines()}`,
        );
      }
      try {
        const response = await fetch(`http://127.0.0.1:${port}/ready`, {
          signal: AbortSignal.timeout(READY_TIMEOUT_MS),
        });
        if (response.ok) {
          serving = true;
          return;
        }
        answer = await response.text();
      } catch {
        // Not listening yet.
      }
      await Bun.sleep(POLL_MS);
    }
    throw new Fault(
      `${name} was not ready within ${READY_TIMEOUT_MS / 1_000} s (GET /ready: ${answer}). Log: ${log}`,
    );
  }

  return {
    name,
    ready,
    ended,
    lastLines,
    stop: async () => {
      await stopProcess(child, "SIGTERM", STOP_TIMEOUT_MS);
      await ended;
    },
  };
}

/** A JSON line of the log as a person would write it; any other line as it is. */
function readable(name: string, line: string): string {
  const entry = parse(line);
  if (entry === null) return `  ${name}  ${line}`;
  const { level, time, service, event, msg = event, err, ...rest } = entry;
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : "";
  const reason = typeof err === "object" && err !== null && "message" in err ? err.message : msg;
  const cause = reason === msg ? "" : `: ${String(reason)}`;
  const style =
    level === "warn" ? "yellow" : level === "error" || level === "fatal" ? "red" : "dim";
  return `  ${name}  ${styled(style, String(level))}  ${String(msg)}${cause}${styled("dim", details)}`;
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

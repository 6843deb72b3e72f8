import { closeSync, openSync } from "node:fs";
import { chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { Fault, reasonOf } from "./fault.ts";
import { freePort } from "./ports.ts";
import { type PostgresHome, postgresHome } from "./postgres-home.ts";
import { endWithUs, howItEnds, stopProcess } from "./process.ts";
import { newPassword } from "./secrets.ts";

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 10;
const LAST_LINES = 5;

// pg_trgm asks the C library what a letter is, not the provider of the collation: under LC_CTYPE=C
// it drops every letter beyond ASCII. macOS has no C.UTF-8; its UTF-8 is the same for this purpose.
const LC_CTYPE = process.platform === "darwin" ? "UTF-8" : "C.UTF-8";

/** The cluster's own files beside PostgreSQL's. */
const PASSWORD_FILE = "superuser.password";
const PORT_FILE = "port";

export interface Postgres {
  /** URL of the superuser. Its password is kept in the cluster, readable by its owner alone. */
  readonly adminUrl: string;
  /** Resolves, when the server has ended for whatever reason, with how. */
  readonly ended: Promise<string>;
  /** Ends its sessions, writes everything to disk, and resolves when that is done. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** The cluster's data directory; made if it is not there. Nobody else may be using it. */
  readonly directory: string;
  /** File that the server's messages are appended to. */
  readonly log: string;
  /** False only where the data may be lost with the computer's power: it does not wait for disks. */
  readonly durable: boolean;
}

/**
 * Starts the PostgreSQL that comes from npm, on a free port of 127.0.0.1: the one it had last time,
 * if possible. It ends when this process does; after a SIGKILL of both it recovers here.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const home = await postgresHome(options.directory);
  await initialise(home, options.durable);
  await endLeftover(home.cluster);

  const portFile = join(home.cluster, PORT_FILE);
  const port = await freePort(Number(await readFile(portFile, "utf8").catch(() => 0)));
  await writeFile(portFile, String(port));
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    // A path of a socket may have 107 bytes, fewer than a clone's may have. TCP it is.
    unix_socket_directories: "",
    max_connections: 200,
    shared_buffers: `${cacheSize()}MB`,
    timezone: "UTC",
    log_timezone: "UTC",
    ...(options.durable ? {} : { fsync: "off", full_page_writes: "off", autovacuum: "off" }),
  };
  const command = [
    join(home.programs, "postgres"),
    ...["-D", home.cluster],
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const deadline = Date.now() + START_TIMEOUT_MS;
  let server: Subprocess;
  let failure: string | null;
  do {
    server = launch(home, command, options.log);
    failure = await untilReady(server, home.cluster, options.log, deadline);
    // The sessions of a server that was killed hold its memory until they notice.
  } while (failure?.includes("pre-existing shared memory block"));
  if (failure !== null) throw new Fault(failure);

  const password = await readFile(join(home.cluster, PASSWORD_FILE), "utf8");
  return {
    adminUrl: `postgres://postgres:${password}@127.0.0.1:${port}/postgres?sslmode=disable`,
    ended: howItEnds(server),
    // SIGINT is the "fast shutdown": it does not wait for clients to leave.
    stop: () => stopProcess(server, "SIGINT", STOP_TIMEOUT_MS),
  };
}

/**
 * Mebibytes for its cache: a quarter of the memory, as PostgreSQL's manual has it; but no more than hold a
 * million contacts with their indexes, of which its own 128 hold a twelfth.
 */
function cacheSize(): number {
  const bytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return Math.min(Math.max(128, Math.floor(bytes / 4 / 2 ** 20)), 2048);
}

function launch(home: PostgresHome, command: string[], logFile: string): Subprocess {
  const log = openSync(logFile, "a");
  // Detached: Ctrl-C must not reach the server before the services are done with it.
  const server = Bun.spawn(command, {
    ...surroundings(home),
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  endWithUs(server, "SIGINT");
  return server;
}

/** Makes the cluster if there is none. A half-made one, after an interruption, does not count. */
async function initialise(home: PostgresHome, durable: boolean): Promise<void> {
  const { programs, cluster, account } = home;
  if (await Bun.file(join(cluster, "PG_VERSION")).exists()) return;
  const half = `${cluster}.new`;
  const passwordFile = `${half}.password`;
  await rm(half, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, newPassword(), { mode: 0o600, flag: "wx" });
  await mkdir(half, { mode: 0o700 });
  if (account) {
    await chown(half, account.uid, account.gid);
    await chown(passwordFile, account.uid, account.gid);
  }
  const initdb = Bun.spawn(
    [
      join(programs, "initdb"),
      ...["--pgdata", half],
      ...["--username", "postgres", "--pwfile", passwordFile, "--auth", "scram-sha-256"],
      ...["--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"],
      ...["--locale", "C", "--lc-ctype", LC_CTYPE],
      ...(durable ? [] : ["--no-sync"]),
    ],
    { ...surroundings(home), stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  endWithUs(initdb, "SIGTERM");
  const complaint = await initdb.stderr.text();
  if ((await initdb.exited) !== 0) {
    throw new Fault(`PostgreSQL's initdb could not make ${cluster}:\n${complaint.trim()}`);
  }
  await rename(passwordFile, join(half, PASSWORD_FILE));
  await rename(half, cluster);
}

/** Ends a server that still uses the cluster, though the process that had started it is gone. */
async function endLeftover(cluster: string): Promise<void> {
  const pidFile = join(cluster, "postmaster.pid");
  const pid = Number.parseInt(await readFile(pidFile, "utf8").catch(() => ""), 10);
  if (!isAlive(pid)) return;
  if (!(await commandOf(pid)).includes(cluster)) {
    // The number has gone to another process since, which PostgreSQL would take for a server.
    await rm(pidFile);
    return;
  }
  process.kill(pid, "SIGINT");
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      throw new Fault(`Process ${pid} is a PostgreSQL that uses ${cluster} and does not end.`);
    }
    await Bun.sleep(POLL_MS);
  }
}

/** Resolves with null when the server takes connections, or else with why it does not. */
async function untilReady(
  server: Subprocess,
  cluster: string,
  log: string,
  deadline: number,
): Promise<string | null> {
  while (Date.now() < deadline) {
    if (server.exitCode !== null || server.signalCode !== null) {
      const lines = (await readFile(log, "utf8")).trimEnd().split("\n").slice(-LAST_LINES);
      return `PostgreSQL ended as it started (${await howItEnds(server)}):\n${lines.join("\n")}`;
    }
    // PostgreSQL says in the 8th line of this file that it takes connections.
    const status = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
    const lines = status.split("\n");
    if (Number(lines[0]) === server.pid && lines[7]?.trim() === "ready") return null;
    await Bun.sleep(POLL_MS);
  }
  return `PostgreSQL was not ready within ${START_TIMEOUT_MS / 1000} s. Its log: ${log}`;
}

/** Nothing of the user's environment (PGDATA, PGPORT, LC_ALL, …) reaches PostgreSQL. */
function surroundings({ account }: PostgresHome) {
  const { PATH = "" } = process.env;
  return { ...account, cwd: "/", env: { PATH, LC_ALL: "C" } };
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function commandOf(pid: number): Promise<string> {
  if (process.platform === "linux") {
    return readFile(`/proc/${pid}/cmdline`, "utf8").catch(reasonOf);
  }
  return Bun.spawnSync(["ps", "-o", "command=", "-p", String(pid)]).stdout.toString();
}

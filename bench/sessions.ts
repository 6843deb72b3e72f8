import { join } from "node:path";
import { z } from "zod";
import { endWithUs } from "../tools/local/process.ts";
import type { Benchmark, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";

/** What a service remembers of those who are signed in. */
const CACHES = {
  identities: "crm-svc: whom a token stands for",
  tokens: "user-svc: tokens that are genuine",
  permissions: "user-svc: what the roles of a tenant may do",
  limit: "both: requests of a session, within their limit's window",
} as const;

export type SessionCache = keyof typeof CACHES;

const SESSIONS = [1_000, 10_000, 100_000] as const;

/**
 * Memory that is held for sessions. For permissions each session is of another tenant, which is the
 * worst case. The limit's alone is bounded by time: what it holds is over after its window, one second.
 */
export const sessions: Benchmark = {
  name: "sessions",
  description:
    `Heap that a cache holds once ${SESSIONS.map(String).join(", ")} sessions have used it, each cache ` +
    "in a process of its own, after a full garbage collection",
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  await using userSvc = await environment.startPeer("any-token");
  const rows: Row[] = [];
  for (const [cache, name] of Object.entries(CACHES)) {
    const held = await measure(cache, {
      USER_SVC_URL: userSvc.origin,
      DATABASE_URL: environment.database.appUrl,
    });
    const figures = SESSIONS.map((count, index) => {
      const value = (held[index] ?? Number.NaN) / 2 ** 20;
      return [`${count} sessions`, { value, unit: "MiB" }] as const;
    });
    rows.push({ name, figures: Object.fromEntries(figures) });
  }
  return rows;
}

async function measure(
  cache: string,
  environment: Readonly<Record<string, string>>,
): Promise<number[]> {
  const program = join(import.meta.dir, "peers/session-cache.ts");
  const child = Bun.spawn([process.execPath, program, cache, ...SESSIONS.map(String)], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithUs(child, "SIGTERM");
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${program} ${cache} failed`);
  return z.array(z.number()).parse(JSON.parse(output));
}

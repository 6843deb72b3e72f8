import { errorCode } from "./database.ts";
import type { RestApp } from "./rest.ts";

/** A check of something that a service stands on. Throws if it is away. */
export type Check = (deadline: number) => Promise<void>;

export interface HealthOptions {
  readonly database: Check;
  /** Everything that must be there to serve, by name; PostgreSQL is added. */
  readonly dependencies: Readonly<Record<string, Check>>;
  readonly draining: () => boolean;
  readonly metrics: () => Promise<string>;
}

/** No check may hold a probe longer than this. */
const CHECK_TIMEOUT_MS = 2_000;
/** Probes within this time share one answer, so that a flood of them costs nothing. */
const ANSWER_KEPT_MS = 500;

interface State {
  readonly ok: boolean;
  readonly ms: number;
  readonly reason?: string;
}

/**
 * `GET /health`: the process lives and reaches its database. `GET /ready`: it can serve; says of
 * each dependency whether it is there. Both 200 or 503. `GET /metrics`: for Prometheus.
 */
export function mountHealth<Services>(app: RestApp<Services>, options: HealthOptions): void {
  const database = once(options.database);
  const dependencies = Object.entries(options.dependencies).map(
    ([name, check]) => [name, once(check)] as const,
  );

  app.get("/health", async (c) => {
    const state = await database();
    return c.json({ status: state.ok ? "ok" : "unavailable" }, state.ok ? 200 : 503);
  });

  app.get("/ready", async (c) => {
    const states: Record<string, State> = Object.fromEntries(
      await Promise.all([
        database().then((state) => ["postgres", state] as const),
        ...dependencies.map(async ([name, check]) => [name, await check()] as const),
      ]),
    );
    const ok = !options.draining() && Object.values(states).every((state) => state.ok);
    const status = ok ? "ready" : options.draining() ? "draining" : "unavailable";
    return c.json({ status, dependencies: states }, ok ? 200 : 503);
  });

  app.get("/metrics", async (c) => {
    c.header("content-type", "text/plain; version=0.0.4; charset=utf-8");
    return c.body(await options.metrics());
  });
}

function once(check: Check): () => Promise<State> {
  let kept: Promise<State> | undefined;
  let until = 0;
  return () => {
    if (kept === undefined || until <= Date.now()) {
      until = Date.now() + CHECK_TIMEOUT_MS + ANSWER_KEPT_MS;
      kept = run(check).finally(() => {
        until = Date.now() + ANSWER_KEPT_MS;
      });
    }
    return kept;
  };
}

async function run(check: Check): Promise<State> {
  const started = performance.now();
  const ms = (): number => Math.round(performance.now() - started);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("timeout")), CHECK_TIMEOUT_MS);
  try {
    await Promise.race([check(Date.now() + CHECK_TIMEOUT_MS), late]);
    return { ok: true, ms: ms() };
  } catch (error) {
    // A code says what is the matter; a message might say where.
    return { ok: false, ms: ms(), reason: errorCode(error) ?? "unreachable" };
  } finally {
    clearTimeout(timer);
  }
}

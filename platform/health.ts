import { z } from "zod";
import { errorCode } from "./database-errors.ts";
import type { Metrics } from "./metrics.ts";
import { type PlainRoute, routesOf } from "./openapi/routes.ts";
import type { RestApp } from "./rest.ts";

/** A check of something that a service stands on. Throws if it is away. */
export type Check = (deadline: number) => Promise<void>;

/** No check may hold a probe longer than this. */
const CHECK_TIMEOUT_MS = 2_000;
/** Probes within this time share one answer, so that a flood of them costs nothing. */
const ANSWER_KEPT_MS = 500;

export interface CheckState {
  readonly ok: boolean;
  readonly ms: number;
  /** A code that says what is the matter. */
  readonly reason?: string;
}

export interface Readiness {
  readonly status: "ready" | "draining" | "unavailable";
  readonly dependencies: Readonly<Record<string, CheckState>>;
}

/** How a process is, as it tells over every protocol. */
export interface Health {
  /** The process lives and reaches its database. */
  alive(): Promise<CheckState>;
  /** It can serve, or why not. */
  ready(): Promise<Readiness>;
  /** It is not ready any more, so that load balancers turn away, but still serves. */
  drain(): void;
  /** Aborted by `drain`. */
  readonly draining: AbortSignal;
  /** Who watches is sent away. */
  end(): void;
  /** Aborted by `end`. */
  readonly ended: AbortSignal;
}

/**
 * Answers in two seconds at most. Of each thing one check goes on at a time, whoever asks, and its
 * answer is kept for half a second.
 *
 * @param dependencies is everything that must be there to serve, by name; PostgreSQL is added.
 */
export function openHealth(database: Check, dependencies: Readonly<Record<string, Check>>): Health {
  const draining = new AbortController();
  const ended = new AbortController();
  const alive = once(database);
  const checks = [
    ["postgres", alive] as const,
    ...Object.entries(dependencies).map(([name, check]) => [name, once(check)] as const),
  ];
  return {
    alive,
    async ready() {
      const states: Record<string, CheckState> = Object.fromEntries(
        await Promise.all(checks.map(async ([name, check]) => [name, await check()] as const)),
      );
      const ok = Object.values(states).every((state) => state.ok);
      const status = draining.signal.aborted ? "draining" : ok ? "ready" : "unavailable";
      return { status, dependencies: states };
    },
    drain: () => draining.abort(),
    draining: draining.signal,
    end: () => ended.abort(),
    ended: ended.signal,
  };
}

/**
 * `GET /health`: alive. `GET /ready`: ready, and of each dependency whether it is there. Both 200 or
 * 503. `GET /metrics`: for Prometheus.
 */
export function mountHealth<Services>(
  app: RestApp<Services>,
  health: Health,
  metrics: Metrics,
): void {
  routesOf(app).plain.push(...DESCRIBED);
  metrics.beforeScrape(async () => {
    const { status, dependencies } = await health.ready();
    metrics.ready.set(status === "ready" ? 1 : 0);
    for (const [dependency, { ok }] of Object.entries(dependencies)) {
      metrics.dependencies.set({ dependency }, ok ? 1 : 0);
    }
  });
  app.get("/health", async (c) => {
    const { ok } = await health.alive();
    c.header("cache-control", "no-store");
    return c.json({ status: ok ? "ok" : "unavailable" }, ok ? 200 : 503);
  });

  app.get("/ready", async (c) => {
    const readiness = await health.ready();
    c.header("cache-control", "no-store");
    return c.json(readiness, readiness.status === "ready" ? 200 : 503);
  });

  app.get("/metrics", async (c) => {
    c.header("content-type", "text/plain; version=0.0.4; charset=utf-8");
    return c.body(await metrics.scrape());
  });
}

const checkState = z.strictObject({
  ok: z.boolean(),
  ms: z.int(),
  reason: z.string().optional(),
});

const aliveAnswer = z.strictObject({ status: z.enum(["ok", "unavailable"]) });

const readyAnswer = z.strictObject({
  status: z.enum(["ready", "draining", "unavailable"]),
  dependencies: z.record(z.string(), checkState),
});

const DESCRIBED: readonly PlainRoute[] = [
  {
    path: "/health",
    operationId: "getHealth",
    summary: "Whether the process lives and reaches its database",
    answers: {
      200: { description: "It does.", type: "application/json", schema: aliveAnswer },
      503: { description: "It does not.", type: "application/json", schema: aliveAnswer },
    },
  },
  {
    path: "/ready",
    operationId: "getReadiness",
    summary: "Whether the service can serve, and the state of each dependency",
    answers: {
      200: { description: "It can.", type: "application/json", schema: readyAnswer },
      503: { description: "It cannot.", type: "application/json", schema: readyAnswer },
    },
  },
  {
    path: "/metrics",
    operationId: "getPrometheusMetrics",
    summary: "What the service has counted and measured, for Prometheus",
    answers: { 200: { description: "The metrics.", type: "text/plain" } },
  },
];

function once(check: Check): () => Promise<CheckState> {
  let kept: Promise<CheckState> | undefined;
  let until = 0;
  return () => {
    if (kept === undefined || until <= Date.now()) {
      until = Number.POSITIVE_INFINITY;
      kept = run(check).finally(() => {
        until = Date.now() + ANSWER_KEPT_MS;
      });
    }
    return kept;
  };
}

async function run(check: Check): Promise<CheckState> {
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

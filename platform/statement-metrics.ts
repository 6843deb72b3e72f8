import type pg from "pg";
import type { Metrics } from "./metrics.ts";
import { statementNames } from "./statement-name.ts";

export type ObserveSeconds = (seconds: number) => void;

/** Gives what counts how long a statement takes; to be asked once for each text, which is read for it. */
export function statementObservers(metrics: Metrics | undefined): (text: string) => ObserveSeconds {
  if (metrics === undefined) return () => () => {};
  const nameOf = statementNames();
  return (text) => metrics.statements.labels(nameOf(text)).observe;
}

interface Reply {
  resolve(result: pg.QueryResult): void;
  reject(error: unknown): void;
}

/** The same reply; counts the time from now until it is given. */
export function measuredReply(
  { observe }: { readonly observe: ObserveSeconds },
  reply: Reply,
): Reply {
  const started = performance.now();
  const observed = (): void => observe((performance.now() - started) / 1_000);
  return {
    resolve(result) {
      observed();
      reply.resolve(result);
    },
    reject(error) {
      observed();
      reply.reject(error);
    },
  };
}

export function measurePool(pool: pg.Pool, most: number, metrics: Metrics): void {
  metrics.mostConnections.set(most);
  metrics.beforeScrape(() => {
    metrics.connections.set({ state: "idle" }, pool.idleCount);
    metrics.connections.set({ state: "busy" }, pool.totalCount - pool.idleCount);
    metrics.connectionWaiters.set(pool.waitingCount);
  });
}

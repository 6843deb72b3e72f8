import { quantile } from "../rounds.ts";

/** A load ends with whichever comes first. */
export interface Bounds {
  readonly requests: number;
  /** Milliseconds. */
  readonly ms: number;
  /** How long each lane rests after an answer, for a load that is to weigh little; not at all without. */
  readonly restMs?: number;
}

export interface LoadReport {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** What a request cost the generator itself, in microseconds of processor time. */
  readonly cpuMicroseconds: number;
}

/** Sends one request and resolves when the whole answer is there; throws if it is not the right one. */
export type Send = () => Promise<void>;

/** An answer that takes longer than this after the end of a load will not come. */
const STRAGGLER_MS = 10_000;

/**
 * Keeps one request in flight on each lane: the next one is sent when the answer is there. So, unless
 * the lanes rest, the latencies are those of this concurrency at the highest throughput that it reaches.
 */
export async function closedLoop(lanes: readonly Send[], bounds: Bounds): Promise<LoadReport> {
  const latencies = new Float64Array(bounds.requests);
  let sent = 0;
  let answered = 0;
  const overdue = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    overdue.reject(new Error(`${sent - answered} of ${sent} requests were not answered in time`));
  }, bounds.ms + STRAGGLER_MS);
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const until = began + bounds.ms;

  async function keepBusy(send: Send): Promise<void> {
    for (let since = began; sent < bounds.requests && since < until; ) {
      sent += 1;
      await send();
      const now = performance.now();
      latencies[answered++] = now - since;
      since = now;
      if (bounds.restMs === undefined) continue;
      await Bun.sleep(bounds.restMs);
      since = performance.now();
    }
  }

  try {
    await Promise.race([Promise.all(lanes.map(keepBusy)), overdue.promise]);
  } finally {
    clearTimeout(timer);
  }
  const seconds = (performance.now() - began) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  const sorted = latencies.subarray(0, answered).sort();
  return {
    requests: answered,
    perSecond: answered / seconds,
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
    cpuMicroseconds: (cpu.user + cpu.system) / answered,
  };
}

import type { Figures } from "./benchmark.ts";
import type { LoadReport } from "./load/closed-loop.ts";
import type { Server } from "./server.ts";

/** Has a load made, and tells what it saw and what it cost the server. */
export async function underLoad(
  load: () => Promise<LoadReport>,
  server: Server | undefined,
): Promise<Figures> {
  const before = await server?.cpuMicroseconds();
  const report = await load();
  const after = await server?.cpuMicroseconds();
  return {
    throughput: { value: report.perSecond, unit: "1/s" },
    p50: { value: report.p50, unit: "ms" },
    p95: { value: report.p95, unit: "ms" },
    p99: { value: report.p99, unit: "ms" },
    "client CPU": { value: report.cpuMicroseconds, unit: "µs" },
    ...(before !== undefined &&
      after !== undefined && {
        "server CPU": { value: (after - before) / report.requests, unit: "µs" },
      }),
  };
}

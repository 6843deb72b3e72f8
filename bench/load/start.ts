import { join } from "node:path";
import { endWithUs, howItEnds, stopProcess } from "../../tools/local/process.ts";
import type { LoadReport } from "./closed-loop.ts";
import type { Job, Outcome } from "./generator.ts";

const STOP_TIMEOUT_MS = 5_000;

/** A process of its own that makes load, so that what it costs is not the servers' or ours. */
export interface Generator extends AsyncDisposable {
  /** Throws if an answer is not the right one, or does not come. One job at a time. */
  run(job: Job): Promise<LoadReport>;
}

export function startGenerator(): Generator {
  let waiting: PromiseWithResolvers<Outcome> | undefined;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "generator.ts")], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (outcome: Outcome) => waiting?.resolve(outcome),
  });
  endWithUs(child, "SIGTERM");
  const ended = howItEnds(child).then((how): Outcome => ({ fault: `it ended: ${how}` }));
  return {
    async run(job) {
      waiting = Promise.withResolvers();
      child.send(job);
      const outcome = await Promise.race([waiting.promise, ended]);
      if ("fault" in outcome) throw new Error(`the load generator failed: ${outcome.fault}`);
      return outcome.report;
    },
    [Symbol.asyncDispose]: () => stopProcess(child, "SIGTERM", STOP_TIMEOUT_MS),
  };
}

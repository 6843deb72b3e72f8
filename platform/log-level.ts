import { readFile } from "node:fs/promises";
import type { Logger } from "pino";
import { LOG_LEVELS } from "./log.ts";

/** Often enough for somebody who waits for it; a ConfigMap takes longer to arrive. */
const INTERVAL_MS = 5_000;

/**
 * Has the log follow the level that a file holds, for as long as the process runs. The file is read every
 * few seconds, since it may be one that is replaced by a link, as Kubernetes does, of which a watch hears
 * nothing. What is no level, or cannot be read, changes nothing, and the log tells of it once.
 */
export function followLogLevel(log: Logger, file: string, intervalMs = INTERVAL_MS): () => void {
  let refused: string | undefined;

  async function follow(): Promise<void> {
    const wanted = await readFile(file, "utf8").then(
      (content) => content.trim(),
      (error: unknown) => String(error),
    );
    // Between being emptied and written anew.
    if (wanted === "") return;
    const level = LOG_LEVELS.find((known) => known === wanted);
    if (level === undefined) {
      if (refused !== wanted) log.warn({ event: "log_level_refused", file, level: log.level });
      refused = wanted;
      return;
    }
    refused = undefined;
    if (level === log.level) return;
    const from = log.level;
    // So that it is told whichever levels they are.
    log.level = "info";
    log.info({ event: "log_level_changed", from, to: level });
    log.level = level;
  }

  const timer = setInterval(() => void follow(), intervalMs).unref();
  return () => clearInterval(timer);
}

import type { Logger } from "pino";
import { ConfigFault, type ServiceConfig } from "./config.ts";
import type { Database } from "./database.ts";
import { inProcessStore, type KeyValueStore, redisStore } from "./keyvalue.ts";
import type { Metrics } from "./metrics.ts";

/** A dependency that did not come in time. The message says which and what to do. */
export class StartFault extends Error {
  override readonly name = "StartFault";
}

/** Redis, if there is one; else what stands in for it in this process. */
export function openKeyValueStore(
  config: ServiceConfig,
  log: Logger,
  metrics: Metrics,
): KeyValueStore {
  if (config.REDIS_URL !== undefined) {
    return redisStore({
      url: config.REDIS_URL,
      password: config.REDIS_PASSWORD,
      onError: (error) => log.warn({ event: "redis_connection_lost", err: error }),
      metrics,
    });
  }
  log.warn({ event: "redis_stand_in" }, "REDIS_URL is not set: using a store in this process only");
  return inProcessStore();
}

/** Throws StartFault if it does not answer in time. */
export async function waitForDatabase(
  database: Pick<Database<never>, "ping">,
  seconds: number,
  log: Logger,
): Promise<void> {
  const until = Date.now() + seconds * 1_000;
  for (let told = false; ; ) {
    try {
      return await database.ping(Date.now() + 2_000);
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      if (Date.now() >= until) {
        throw new StartFault(
          `PostgreSQL did not answer within ${seconds} s (${cause}). Check DATABASE_URL, and that the server runs.`,
          { cause },
        );
      }
      if (!told) log.warn({ event: "waiting_for_database", seconds, err: cause });
      told = true;
      await Bun.sleep(500);
    }
  }
}

/** Throws ConfigFault, in production, for a role that row-level security does not bind. */
export async function refusePower(
  database: Pick<Database<never>, "tooPowerful">,
  config: ServiceConfig,
  log: Logger,
): Promise<void> {
  const reason = await database.tooPowerful();
  if (reason === null) return;
  const message = `the role of DATABASE_URL ${reason}, so row-level security would not bind it: use crm_app`;
  if (config.NODE_ENV === "production") throw new ConfigFault([`DATABASE_URL: ${message}`]);
  log.warn({ event: "role_too_powerful" }, message);
}

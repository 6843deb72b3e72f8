import type { Logger } from "pino";
import type { z } from "zod";
import { ConfigFault, EX_CONFIG, readConfig, type ServiceConfig } from "./config.ts";
import { type Database, openDatabase } from "./database.ts";
import { type Check, mountHealth } from "./health.ts";
import { httpHandlers } from "./http.ts";
import { inProcessStore, type KeyValueStore, redisStore } from "./keyvalue.ts";
import { type Limits, openLimits } from "./limits.ts";
import { listen } from "./listen.ts";
import { openLog } from "./log.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import type { RestApp } from "./rest.ts";
import type { Binding } from "./rpc.ts";

/** Exit code of a process that cannot start because something it needs is away (`EX_UNAVAILABLE`). */
export const EX_UNAVAILABLE = 69;

/** What the platform has opened for a service. */
export interface Foundation<Tables> {
  readonly database: Database<Tables>;
  readonly keyValue: KeyValueStore;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** What makes a service: its operations behind both transports, and what they stand on. */
export interface ServiceParts<Services> {
  readonly services: Services;
  readonly routes: (app: RestApp<Services>) => void;
  readonly bindings: readonly Binding<Services>[];
  /** What it needs to serve, beyond PostgreSQL and Redis, by name. */
  readonly dependencies: Readonly<Record<string, Check>>;
  /** Finishes what goes on behind the requests, after the last one and before the database closes. */
  readonly stop?: () => Promise<void>;
}

export interface RunningService {
  /** The port that speaks every protocol. */
  readonly port: number;
  /** Says that it drains, waits, closes the port, lets requests end, closes the rest. */
  stop(): Promise<void>;
}

export interface ServiceDefinition<Config extends ServiceConfig, Tables, Services> {
  readonly name: string;
  readonly config: Config;
  readonly log: Logger;
  readonly build: (foundation: Foundation<Tables>) => Promise<ServiceParts<Services>>;
}

/** A dependency that did not come in time. The message says which and what to do. */
export class StartFault extends Error {
  override readonly name = "StartFault";
}

/** Opens all that a service needs and listens. Throws StartFault, or the error of a port in use. */
export async function startService<Config extends ServiceConfig, Tables, Services>(
  definition: ServiceDefinition<Config, Tables, Services>,
): Promise<RunningService> {
  const { config, log, name } = definition;
  const metrics = openMetrics();
  const database = openDatabase<Tables>({
    url: config.DATABASE_URL,
    maxConnections: config.DB_MAX_CONNECTIONS,
    onConnectionError: (error) => log.warn({ event: "database_connection_lost", err: error }),
  });
  const keyValue = openKeyValueStore(config, log);
  try {
    await waitForDatabase(database, config.DB_WAIT_SECONDS, log);
    await refusePower(database, config, log);
    const parts = await definition.build({
      database,
      keyValue,
      limits: openLimits(keyValue.redis, metrics),
      metrics,
      log,
    });

    let draining = false;
    const handlers = httpHandlers({
      services: parts.services,
      log,
      metrics,
      corsOrigins: config.CORS_ORIGINS,
      trustedHops: config.TRUSTED_HOPS,
      bindings: parts.bindings,
      routes(app) {
        mountHealth(app, {
          database: (deadline) => database.ping(deadline),
          dependencies: { redis: () => keyValue.ping(), ...parts.dependencies },
          draining: () => draining,
          metrics: () => metrics.registry.metrics(),
        });
        parts.routes(app);
      },
    });
    const listener = await listen({
      port: config.PORT,
      ...(config.HTTP_PORT !== undefined && { httpPort: config.HTTP_PORT }),
      fetch: (request, client) => handlers.fetch(request, client.address),
      http2: (request, response, client) => handlers.http2(request, response, client.address),
    });
    log.info({ event: "listening", port: listener.port, httpPort: listener.httpPort });

    return {
      port: listener.port,
      async stop() {
        draining = true;
        log.info({ event: "draining", seconds: config.DRAIN_SECONDS });
        await Bun.sleep(config.DRAIN_SECONDS * 1_000);
        await listener.close(config.GRACE_SECONDS * 1_000);
        await parts.stop?.();
        await Promise.all([database.close(), keyValue.close()]);
        log.info({ event: "stopped", service: name });
      },
    };
  } catch (error) {
    await Promise.allSettled([database.close(), keyValue.close()]);
    throw error;
  }
}

/**
 * The whole life of a service's process: reads its configuration from the environment, starts it,
 * and stops it on SIGTERM or SIGINT. Exit codes: 0 stopped, 78 configuration, 69 a dependency or the
 * port is not to be had.
 */
export async function runService<Shape extends z.ZodRawShape, Tables, Services>(
  name: string,
  schema: z.ZodObject<Shape> & z.ZodType<ServiceConfig>,
  build: (
    config: z.output<z.ZodObject<Shape>>,
    foundation: Foundation<Tables>,
  ) => Promise<ServiceParts<Services>>,
): Promise<void> {
  let config: ServiceConfig & z.output<z.ZodObject<Shape>>;
  try {
    config = readConfig(schema, process.env) as typeof config;
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(EX_CONFIG);
  }
  const log = openLog(name, config.LOG_LEVEL);
  try {
    const service = await startService<ServiceConfig, Tables, Services>({
      name,
      config,
      log,
      build: (foundation) => build(config, foundation),
    });
    const stop = (signal: string): void => {
      log.info({ event: "stopping", signal });
      service.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ event: "stop_failed", err: error });
          process.exit(1);
        },
      );
    };
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log.error({ event: "start_failed", err: error }, message);
    process.stderr.write(`${name}: ${message}\n`);
    process.exit(error instanceof ConfigFault ? EX_CONFIG : EX_UNAVAILABLE);
  }
}

function openKeyValueStore(config: ServiceConfig, log: Logger): KeyValueStore {
  if (config.REDIS_URL !== undefined) {
    return redisStore({
      url: config.REDIS_URL,
      password: config.REDIS_PASSWORD,
      onError: (error) => log.warn({ event: "redis_connection_lost", err: error }),
    });
  }
  if (config.NODE_ENV === "production") {
    throw new ConfigFault(["REDIS_URL: is not set, and production needs Redis"]);
  }
  log.warn({ event: "redis_stand_in" }, "REDIS_URL is not set: using a store in this process only");
  return inProcessStore();
}

async function waitForDatabase(
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

async function refusePower(
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

import { Health as HealthService } from "@crm/proto/grpc/health/v1/health_pb";
import type { Logger } from "pino";
import type { z } from "zod";
import {
  ConfigFault,
  EX_CONFIG,
  productionNeeds,
  readConfig,
  type ServiceConfig,
  serviceConfig,
} from "./config.ts";
import { type Database, openDatabase } from "./database.ts";
import { grpcHealth } from "./grpc-health.ts";
import { grpcReflection } from "./grpc-reflection.ts";
import { type Check, mountHealth, openHealth } from "./health.ts";
import { httpHandlers } from "./http.ts";
import { startJobWorker } from "./job-worker.ts";
import type { RunnableJob } from "./jobs.ts";
import type { KeyValueStore } from "./keyvalue.ts";
import { type Limits, openLimits } from "./limits.ts";
import { listen } from "./listen.ts";
import { openLog } from "./log.ts";
import { followLogLevel } from "./log-level.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import type { Documentation } from "./openapi/document.ts";
import { mountDocs } from "./openapi/mount.ts";
import type { RestApp } from "./rest.ts";
import type { Binding } from "./rpc.ts";
import type { StreamBinding } from "./rpc-streams.ts";
import { openKeyValueStore, refusePower, waitForDatabase } from "./service-stores.ts";

/** Exit code of a process that cannot start because something it needs is away (`EX_UNAVAILABLE`). */
export const EX_UNAVAILABLE = 69;

/** Exit code of a command line that is wrong (`EX_USAGE`). */
const EX_USAGE = 64;
const COMMANDS = new Set(["--check-config", "--health", "--ready"]);
/** Longer than the slowest answer of `/health`. */
const PROBE_TIMEOUT_MS = 3_000;

/** After the grace, what is left to close has this long; then the process ends all the same. */
export const LAST_STEPS_SECONDS = 5;

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
  readonly bindings: readonly (Binding<Services> | StreamBinding<Services>)[];
  /** What its documents say besides. */
  readonly documentation: Documentation;
  /** What it does by itself, later. */
  readonly jobs?: readonly RunnableJob<Services>[];
  /** What it needs to serve, beyond PostgreSQL and Redis, by name. */
  readonly dependencies: Readonly<Record<string, Check>>;
  /** Finishes what goes on behind the requests, after the last one and before the database closes. */
  readonly stop?: () => Promise<void>;
}

export interface RunningService {
  /** The port that speaks every protocol. */
  readonly port: number;
  /**
   * Is not ready any more (nor SERVING, of gRPC) and waits for DRAIN_SECONDS, while load balancers turn
   * away and answers over HTTP/1.1 close their connections; then closes the port, tells clients of
   * HTTP/2 to go, gives requests, streams and jobs GRACE_SECONDS to end, and closes the rest.
   */
  stop(): Promise<void>;
}

export interface ServiceDefinition<Config extends ServiceConfig, Tables, Services> {
  readonly name: string;
  readonly config: Config;
  readonly log: Logger;
  readonly build: (foundation: Foundation<Tables>) => Promise<ServiceParts<Services>>;
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
    metrics,
  });
  const keyValue = openKeyValueStore(config, log, metrics);
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

    const health = openHealth((deadline) => database.ping(deadline), {
      redis: () => keyValue.ping(),
      ...parts.dependencies,
    });
    const rpcServices = [...new Set(parts.bindings.map(({ method }) => method.parent))];
    const handlers = httpHandlers({
      services: parts.services,
      log,
      metrics,
      corsOrigins: config.CORS_ORIGINS,
      trustedHops: config.TRUSTED_HOPS,
      bindings: parts.bindings,
      standard(router) {
        grpcHealth(
          health,
          rpcServices.map(({ typeName }) => typeName),
        )(router);
        grpcReflection([...rpcServices, HealthService])(router);
      },
      routes(app) {
        mountHealth(app, health, metrics);
        parts.routes(app);
        mountDocs(app, parts.documentation, parts.bindings);
      },
    });
    const listener = await listen({
      port: config.PORT,
      ...(config.HTTP_PORT !== undefined && { httpPort: config.HTTP_PORT }),
      fetch: (request, client) => handlers.fetch(request, client.address),
      http2: (request, response, client) => handlers.http2(request, response, client.address),
    });
    const { jobs = [] } = parts;
    const worker =
      jobs.length > 0 && config.JOBS_AT_ONCE > 0
        ? startJobWorker({
            url: config.DATABASE_URL,
            services: parts.services,
            database,
            jobs,
            atOnce: config.JOBS_AT_ONCE,
            metrics,
            log,
          })
        : null;
    log.info({ event: "listening", port: listener.port, httpPort: listener.httpPort });

    return {
      port: listener.port,
      async stop() {
        health.drain();
        listener.drain();
        log.info({ event: "draining", seconds: config.DRAIN_SECONDS });
        await Bun.sleep(config.DRAIN_SECONDS * 1_000);
        health.end();
        await Promise.all([listener.close(config.GRACE_SECONDS * 1_000), worker?.stop()]);
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
 * port is not to be had, 64 the command line is wrong.
 *
 * `--check-config` only reads the configuration, and says all that is wrong with it. `--health` and
 * `--ready` ask the process that listens on PORT of this machine, and end with 0 or 1: an image
 * without a shell has nothing else to ask with.
 */
export async function runService<Shape extends z.ZodRawShape, Tables, Services>(
  name: string,
  schema: z.ZodObject<Shape> & z.ZodType<ServiceConfig>,
  build: (
    config: z.output<z.ZodObject<Shape>>,
    foundation: Foundation<Tables>,
  ) => Promise<ServiceParts<Services>>,
): Promise<void> {
  const command = process.argv[2];
  if (command !== undefined && !COMMANDS.has(command)) {
    process.stderr.write(`${name}: knows only ${[...COMMANDS].join(", ")}, or nothing: to serve\n`);
    process.exit(EX_USAGE);
  }
  let config: ServiceConfig & z.output<z.ZodObject<Shape>>;
  try {
    if (command === "--health" || command === "--ready") process.exit(await probe(command));
    // Looked at even if other variables are wrong, so that all is said at once.
    const whole = schema.superRefine(productionNeeds, { when: () => true });
    config = readConfig(whole, process.env) as typeof config;
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(EX_CONFIG);
  }
  if (command === "--check-config") {
    process.stdout.write(`${name}: the configuration can be used\n`);
    process.exit(0);
  }
  const log = openLog(name, config.LOG_LEVEL);
  const levelFile = process.env["LOG_LEVEL_FILE"];
  if (levelFile) followLogLevel(log, levelFile);
  try {
    const service = await startService<ServiceConfig, Tables, Services>({
      name,
      config,
      log,
      build: (foundation) => build(config, foundation),
    });
    const stop = (signal: string): void => {
      log.info({ event: "stopping", signal });
      const overdueMs = (config.DRAIN_SECONDS + config.GRACE_SECONDS + LAST_STEPS_SECONDS) * 1_000;
      setTimeout(() => {
        log.error({ event: "stop_overdue" });
        process.exit(1);
      }, overdueMs).unref();
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

/** The exit code that says whether the process on this machine's PORT answers with 200. */
async function probe(command: "--health" | "--ready"): Promise<0 | 1> {
  const { PORT } = readConfig(serviceConfig.pick({ PORT: true }), process.env);
  const path = command.slice("--".length);
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  const response = await fetch(`http://127.0.0.1:${PORT}/${path}`, { signal }).catch(() => null);
  return response?.ok ? 0 : 1;
}

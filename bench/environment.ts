import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile } from "../tools/compile.ts";
import {
  type DatabaseUrls,
  migrateDatabase,
  prepareDatabase,
  withClient,
} from "../tools/local/database.ts";
import { freePort } from "../tools/local/ports.ts";
import { startPostgres } from "../tools/local/postgres.ts";
import { deleteCluster } from "../tools/local/postgres-home.ts";
import { runAtOurEnd } from "../tools/local/process.ts";
import { startRedis } from "../tools/local/redis.ts";
import { keepSecrets } from "../tools/local/secrets.ts";
import { type Server, startServer } from "./server.ts";

/** Connections to PostgreSQL: what a service opens unless told otherwise, and what peers get too. */
export const POOL_SIZE = 10;

/** What benchmarks stand on: a PostgreSQL and a Redis of their own, with nothing in them. */
export interface Environment extends AsyncDisposable {
  readonly database: DatabaseUrls;
  readonly postgresVersion: string;
  /** False where it is not installed: the services then keep a store of their own. */
  readonly redis: boolean;
  /** `entry` is another program, from the repository's root, that is user-svc and something more. */
  startUserSvc(entry?: string): Promise<Server>;
  /** Besides the shared port it listens on `httpOrigin`, for HTTP/1.1 alone. */
  startCrmSvc(userSvc: Server): Promise<Server & { readonly httpOrigin: string }>;
  /** As it is deployed: where its memory counts, of which the source takes some 20 MiB more. */
  startCompiledCrmSvc(userSvc: Server): Promise<Server>;
  /** Starts `bench/peers/<name>.ts`. */
  startPeer(name: string): Promise<Server>;
}

/** Starts PostgreSQL, as durable as a real one, and Redis, and brings the schemas up to date. */
export async function openEnvironment(): Promise<Environment> {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "crm-bench-"));
  const cluster = join(directory, "postgres");
  // Registered first, so it runs after the servers' ends.
  const takeBack = runAtOurEnd(`rm -rf "$(readlink -f '${cluster}')" '${directory}'`);
  opened.defer(async () => {
    await deleteCluster(cluster);
    await rm(directory, { recursive: true });
    takeBack();
  });

  const postgres = await startPostgres({
    directory: cluster,
    log: join(directory, "postgres.log"),
    durable: true,
  });
  opened.defer(postgres.stop);
  const redis = await startRedis();
  if (redis !== null) opened.defer(redis.stop);
  const secrets = await keepSecrets(join(directory, "keys"));
  const database = await prepareDatabase(postgres.adminUrl, "crm", secrets);
  await migrateDatabase(database.ownerUrl);

  const service = async (
    name: string,
    environment: Readonly<Record<string, string>>,
    entry = `${name}/src/main.ts`,
  ): Promise<Server> =>
    startServer({
      entry,
      port: await freePort(),
      environment: {
        // In production a service refuses to start without Redis.
        NODE_ENV: redis === null ? "development" : "production",
        REDIS_URL: redis?.url ?? "",
        DATABASE_URL: database.appUrl,
        DB_MAX_CONNECTIONS: String(POOL_SIZE),
        CURSOR_SECRET: secrets.cursorSecret,
        // Counted as always, but all load comes from one session.
        LIMIT_PER_SESSION: "1000000/1s",
        ...environment,
      },
      log: join(directory, `${name}.log`),
    });

  const postgresVersion = await serverVersion(database.ownerUrl);
  const held = opened.move();
  return {
    database,
    postgresVersion,
    redis: redis !== null,
    startUserSvc: (entry) =>
      service(
        "user-svc",
        {
          JWT_SIGNING_KEY_FILE: secrets.signingKeyFile,
          ENCRYPTION_SECRET: secrets.encryptionSecret,
          // A million contacts take longer than the quarter of an hour that is usual.
          ACCESS_TOKEN_SECONDS: "86400",
        },
        entry,
      ),
    async startCrmSvc(userSvc) {
      const httpPort = String(await freePort());
      const server = await service("crm-svc", {
        USER_SVC_URL: userSvc.origin,
        HTTP_PORT: httpPort,
      });
      return { ...server, httpOrigin: `http://127.0.0.1:${httpPort}` };
    },
    async startCompiledCrmSvc(userSvc) {
      const executable = await compile("crm-svc", directory);
      return service("crm-svc", { USER_SVC_URL: userSvc.origin }, executable);
    },
    startPeer: async (name) =>
      startServer({
        entry: `bench/peers/${name}.ts`,
        port: await freePort(),
        environment: { DATABASE_URL: database.ownerUrl, POOL_SIZE: String(POOL_SIZE) },
        log: join(directory, `${name}.log`),
      }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function serverVersion(url: string): Promise<string> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return rows[0]?.server_version ?? "";
  });
}

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { demoLogin, seedDemo } from "./demo/seed.ts";
import { dataDirectory } from "./local/data-directory.ts";
import { migrateDatabase, prepareDatabase } from "./local/database.ts";
import { Fault } from "./local/fault.ts";
import { lockDirectory } from "./local/lock.ts";
import { isFree } from "./local/ports.ts";
import { startPostgres } from "./local/postgres.ts";
import { startRedis } from "./local/redis.ts";
import { keepSecrets } from "./local/secrets.ts";
import { type Service, startService } from "./local/service.ts";
import { say, step, styled } from "./local/terminal.ts";

const DATABASE = "crm";

interface Settings {
  readonly dataDirectory: string;
  readonly userPort: number;
  readonly crmPort: number;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
}

/**
 * Starts everything, in order, and resolves when a part of it has ended, with which and why. What has
 * to be stopped again is left with `running` at once.
 */
async function start(settings: Settings, running: AsyncDisposableStack): Promise<Fault> {
  const { dataDirectory, userPort, crmPort } = settings;
  const losses: Promise<Fault>[] = [];
  const keep = (name: string, part: { stop(): Promise<void>; ended: Promise<string> }): void => {
    running.defer(() => part.stop());
    losses.push(part.ended.then((how) => new Fault(`${name} has ended: ${how}`)));
  };

  const adminUrl =
    settings.databaseUrl ??
    (await step(
      "PostgreSQL",
      async () => {
        const postgres = await startPostgres({
          directory: join(dataDirectory, "postgres"),
          log: join(dataDirectory, "logs/postgres.log"),
          durable: true,
        });
        keep("PostgreSQL", postgres);
        return postgres.adminUrl;
      },
      (url) => `on ${new URL(url).host}`,
    ));
  const redisUrl =
    settings.redisUrl ??
    (await step(
      "Redis",
      async () => {
        const redis = await startRedis();
        if (redis !== null) keep("Redis", redis);
        return redis?.url;
      },
      (url) =>
        url === undefined
          ? styled("yellow", "no redis-server on the PATH: an in-process stand-in")
          : `on ${new URL(url).host}`,
    ));
  const secrets = await step(
    "Secrets",
    () => keepSecrets(join(dataDirectory, "keys")),
    () => join(dataDirectory, "keys"),
  );
  const { ownerUrl, appUrl } = await step(
    "Database",
    () => prepareDatabase(adminUrl, DATABASE, secrets),
    (urls) => `${DATABASE} on ${new URL(urls.appUrl).host}`,
  );
  await step(
    "Migrations",
    () => migrateDatabase(ownerUrl),
    (names) => (names.length === 0 ? "none to apply" : `applied ${names.join(", ")}`),
  );

  const launch = (name: string, port: number, environment: Record<string, string>): Service => {
    const service = startService({
      name,
      port,
      environment: {
        NODE_ENV: "development",
        DATABASE_URL: appUrl,
        REDIS_URL: redisUrl ?? "",
        CURSOR_SECRET: secrets.cursorSecret,
        // One listener cannot be both services'.
        HTTP_PORT: "",
        ...environment,
      },
      log: join(dataDirectory, `logs/${name}.log`),
    });
    keep(name, {
      stop: service.stop,
      ended: service.ended.then((how) => `${how}. Its last lines:\n${service.lastLines()}`),
    });
    return service;
  };
  const userUrl = `http://127.0.0.1:${userPort}`;
  const crmUrl = `http://127.0.0.1:${crmPort}`;
  const userService = launch("user-svc", userPort, {
    JWT_SIGNING_KEY_FILE: secrets.signingKeyFile,
    JWT_ACCEPTED_KEYS_FILE: secrets.acceptedKeysFile,
    ENCRYPTION_SECRET: secrets.encryptionSecret,
  });
  const crmService = launch("crm-svc", crmPort, { USER_SVC_URL: userUrl });
  await step("user-svc", userService.ready, () => userUrl);
  await step("crm-svc", crmService.ready, () => crmUrl);

  const unfinished = join(dataDirectory, "demo.unfinished");
  await step("Demo data", () => seedDemo({ userUrl, crmUrl, ownerUrl, unfinished }), String);
  welcome(userUrl, crmUrl, dataDirectory);
  return Promise.race(losses);
}

function welcome(userUrl: string, crmUrl: string, dataDirectory: string): void {
  const { tenant, email, password } = demoLogin;
  say(`
  Sign in to tenant ${styled("bold", tenant)} as ${styled("bold", email)} with password ${styled("bold", password)}.
  In another terminal, over REST:

    TOKEN=$(curl -s ${userUrl}/v1/auth/login -H 'content-type: application/json' \\
      -d '${JSON.stringify(demoLogin)}' \\
      | sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')
    curl -s "${crmUrl}/v1/contacts/search?q=garc&limit=3" -H "authorization: Bearer $TOKEN"

  and over gRPC, in this folder:

    npx buf curl --schema proto --protocol grpc --http2-prior-knowledge \\
      -H "authorization: Bearer $TOKEN" -d '{"q": "garc", "limit": 3}' \\
      ${crmUrl}/crm.v1.ContactService/SearchContacts

  Logs are in ${join(dataDirectory, "logs")}. Ctrl-C ends everything; the data is kept.
`);
}

/** Reads the environment. Throws a Fault that names all that is wrong with it. */
function readSettings(): Settings {
  const { USER_SVC_PORT, CRM_SVC_PORT, DATABASE_URL, REDIS_URL } = process.env;
  const faults: string[] = [];
  const port = (name: string, text: string | undefined, otherwise: number): number => {
    const value = text ? Number(text) : otherwise;
    if (!(Number.isInteger(value) && value > 0 && value < 65_536)) {
      faults.push(`${name} must be a port, a number from 1 to 65535`);
    }
    return value;
  };
  const url = (name: string, text: string | undefined, form: RegExp, example: string) => {
    if (text && !form.test(text)) faults.push(`${name} must be a URL like ${example}`);
    return text || undefined;
  };
  const settings = {
    dataDirectory: dataDirectory(),
    userPort: port("USER_SVC_PORT", USER_SVC_PORT, 8081),
    crmPort: port("CRM_SVC_PORT", CRM_SVC_PORT, 8082),
    databaseUrl: url(
      "DATABASE_URL",
      DATABASE_URL,
      /^postgres(ql)?:\/\/[^/?]+\/./,
      "postgres://admin:password@host:5432/postgres",
    ),
    redisUrl: url("REDIS_URL", REDIS_URL, /^rediss?:\/\/./, "redis://host:6379"),
  };
  if (settings.userPort === settings.crmPort) {
    faults.push("USER_SVC_PORT and CRM_SVC_PORT must differ");
  }
  if (faults.length > 0) throw new Fault(faults.join("\n"));
  return settings;
}

/** Refuses, before anything is started, what could not work beside what runs already. */
async function claim(settings: Settings): Promise<void> {
  const { dataDirectory, userPort, crmPort } = settings;
  await mkdir(join(dataDirectory, "logs"), { recursive: true, mode: 0o700 }).catch(
    (error: unknown) => {
      throw new Fault(`DATA_DIR cannot be used: ${String(error)}`);
    },
  );
  const holder = lockDirectory(dataDirectory);
  if (holder !== null) {
    throw new Fault(
      `npm start already runs with the data in ${dataDirectory} (process ${holder}).\n` +
        "Stop that one, or set DATA_DIR, USER_SVC_PORT and CRM_SVC_PORT to run another beside it.",
    );
  }
  const taken = [["USER_SVC_PORT", userPort] as const, ["CRM_SVC_PORT", crmPort] as const];
  const faults: string[] = [];
  for (const [name, port] of taken) {
    if (!(await isFree(port, "0.0.0.0"))) {
      faults.push(`Port ${port} is taken, or not allowed. Set ${name} to another one.`);
    }
  }
  if (faults.length > 0) throw new Fault(faults.join("\n"));
}

/** Runs until a signal comes (returns 0) or something is wrong (returns 1). */
async function main(): Promise<number> {
  const asked = Promise.withResolvers<null>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // A terminal, npm and the bootstrap each pass on the same Ctrl-C: the second is no news.
    process.on(signal, () => asked.resolve(null));
  }
  const running = new AsyncDisposableStack();
  let exitCode = 0;
  try {
    const settings = readSettings();
    await claim(settings);
    say("\n  CRM core services\n");
    const fault = await Promise.race([asked.promise, start(settings, running)]);
    if (fault !== null) throw fault;
    say("\n  Stopping …");
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    say(`\n${styled("red", error.message)}\n`);
    exitCode = 1;
  } finally {
    await running.disposeAsync();
  }
  if (exitCode === 0) say("  Stopped.");
  return exitCode;
}

process.exit(await main());

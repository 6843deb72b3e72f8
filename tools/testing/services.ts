import { generateKeyPairSync } from "node:crypto";
import type { DescMethod } from "@bufbuild/protobuf";
import { readConfig } from "@crm/platform/config";
import { inProcessStore } from "@crm/platform/keyvalue";
import { openLog } from "@crm/platform/log";
import { type RunningService, type ServiceParts, startService } from "@crm/platform/service";
import { crmService } from "../../crm-svc/src/app.ts";
import { crmConfig } from "../../crm-svc/src/config.ts";
import { userService } from "../../user-svc/src/app.ts";
import { session as sessionSchema } from "../../user-svc/src/auth/schema.ts";
import { userConfig } from "../../user-svc/src/config.ts";
import { withClient } from "../local/database.ts";
import { type TestDatabase, testDatabase } from "./database.ts";
import { type PlantedSecrets, plantedSecrets } from "./planted.ts";
import { testRedisUrl } from "./redis.ts";
import { COMPILED, startProcess } from "./service-process.ts";

export type Role = "admin" | "manager" | "sales" | "marketing";
export type Session = ReturnType<typeof sessionSchema.parse>;

/** The password of every user that is made here. */
export const PASSWORD = "tin-orbit-lemon-73";

const UNLIMITED = "1000000/1s";

/** A tenant that nobody else uses. */
export interface TestTenant {
  readonly slug: string;
  /** What its first user got on signing up. */
  readonly admin: Session;
  /** Adds a user of that role, and signs it in. */
  addUser(role: Role): Promise<Session>;
}

/** What a service answers to. */
export interface Served {
  readonly service: "user" | "crm";
  /** As Hono knows them; those of the method `ALL` are middleware. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  readonly methods: readonly DescMethod[];
  /** Names of its jobs. */
  readonly jobs: readonly string[];
}

/** Both services, on ports of their own and a database of their own. */
export interface TestServices {
  readonly userUrl: string;
  readonly crmUrl: string;
  readonly database: TestDatabase;
  /** Of both services. */
  readonly served: readonly Served[];
  /** The private key (PEM) that signs access tokens. */
  readonly signingKey: string;
  /** Every line that the services have logged. */
  readonly log: readonly string[];
  /** What no line of it may hold. */
  readonly secrets: PlantedSecrets;
  newTenant(): Promise<TestTenant>;
  /** To be called in `afterAll`. Throws if a secret was logged, to the very end. */
  stop(): Promise<void>;
}

/**
 * Starts user-svc and crm-svc in this process, as they are deployed but for the cost of a password's
 * hash. Where no Redis is installed, they share a store in this process instead.
 *
 * With `SERVICES=compiled npm test`, their executables are started instead, which need Redis and do not
 * tell what they have `served`.
 *
 * @param environment is added to that of both.
 */
export async function startServices(
  environment: Readonly<Record<string, string>> = {},
): Promise<TestServices> {
  const database = await testDatabase();
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const signingKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const served: Served[] = [];
  const log: string[] = [];
  const secrets = plantedSecrets();
  secrets.plant({ password: PASSWORD });
  const destination = { write: (line: string) => void log.push(line) };
  const redisUrl = testRedisUrl();
  const stand = redisUrl === undefined && { keyValue: inProcessStore() };
  const shared = {
    NODE_ENV: "test",
    PORT: "0",
    DATABASE_URL: database.appUrl,
    DB_MAX_CONNECTIONS: "5",
    REDIS_URL: redisUrl,
    CURSOR_SECRET: "a secret that is good for tests only",
    // All tests come from one address.
    LIMIT_PER_SESSION: UNLIMITED,
    LIMIT_REGISTER_PER_ADDRESS: UNLIMITED,
    LIMIT_LOGIN_PER_ADDRESS: UNLIMITED,
    LIMIT_REFRESH_PER_ADDRESS: UNLIMITED,
    LIMIT_LOGIN_PER_ACCOUNT: UNLIMITED,
    GRACE_SECONDS: "0",
    ...environment,
  };

  const userSettings = {
    ...shared,
    ENCRYPTION_SECRET: "another secret that is good for tests only",
    JWT_SIGNING_KEY: signingKey,
    BCRYPT_COST: "4",
    ...environment,
  };
  const startUser = async (): Promise<RunningService> => {
    const config = readConfig(userConfig, userSettings);
    return startService({
      name: "user-svc",
      config,
      log: openLog("user-svc", "debug", destination),
      build: async (foundation: Parameters<typeof userService>[1]) =>
        noted(served, "user", await userService(config, { ...foundation, ...stand })),
    });
  };
  const user = await (COMPILED ? startExecutable("user-svc", userSettings, log) : startUser());
  const userUrl = `http://127.0.0.1:${user.port}`;

  const crmSettings = { ...shared, USER_SVC_URL: userUrl };
  const startCrm = async (): Promise<RunningService> => {
    const config = readConfig(crmConfig, crmSettings);
    return startService({
      name: "crm-svc",
      config,
      log: openLog("crm-svc", "debug", destination),
      build: async (foundation: Parameters<typeof crmService>[1]) =>
        noted(served, "crm", await crmService(config, { ...foundation, ...stand })),
    });
  };
  const crm = await (COMPILED ? startExecutable("crm-svc", crmSettings, log) : startCrm());

  let tenants = 0;
  return {
    userUrl,
    crmUrl: `http://127.0.0.1:${crm.port}`,
    database,
    served,
    signingKey,
    log,
    secrets,
    newTenant: () => newTenant({ userUrl, database, secrets }, `tenant-${++tenants}`),
    async stop() {
      await crm.stop();
      await user.stop();
      await database.drop();
      const telltale = secrets.findIn(log);
      if (telltale.length > 0) throw new Error(`secrets were logged:\n${telltale.join("\n")}`);
    },
  };
}

async function startExecutable(
  name: "user-svc" | "crm-svc",
  settings: Readonly<Record<string, string | undefined>>,
  log: string[],
): Promise<RunningService> {
  const set = Object.entries({ LOG_LEVEL: "debug", ...settings }).flatMap(([variable, value]) =>
    value === undefined ? [] : [[variable, value] as const],
  );
  const { port, signal, ended } = await startProcess(name, Object.fromEntries(set), log);
  return {
    port,
    async stop() {
      await signal("SIGTERM");
      const code = await ended;
      if (code !== 0) throw new Error(`${name} ended with ${code}`);
    },
  };
}

/** The same parts, which note what they serve when they are put to use. */
function noted<Services>(
  served: Served[],
  service: Served["service"],
  parts: ServiceParts<Services>,
): ServiceParts<Services> {
  return {
    ...parts,
    routes(app) {
      parts.routes(app);
      const methods = parts.bindings.map(({ method }) => method);
      const jobs = (parts.jobs ?? []).map(({ name }) => name);
      served.push({ service, routes: app.routes, methods, jobs });
    },
  };
}

async function newTenant(
  { userUrl, database, secrets }: Pick<TestServices, "userUrl" | "database" | "secrets">,
  slug: string,
): Promise<TestTenant> {
  const signIn = async (path: string, body: object): Promise<Session> => {
    const session = await post(`${userUrl}${path}`, body);
    secrets.plant([body, session]);
    return session;
  };
  const admin = await signIn("/v1/auth/register", {
    tenant: { name: `Company ${slug}`, slug },
    email: "admin@company.example",
    password: PASSWORD,
    fullName: "Ada Admin",
  });
  let users = 0;
  return {
    slug,
    admin,
    async addUser(role) {
      const email = `${role}-${++users}@company.example`;
      const hash = await Bun.password.hash(PASSWORD, { algorithm: "bcrypt", cost: 4 });
      await withClient(database.ownerUrl, (owner) =>
        owner.query(
          `INSERT INTO identity.users (tenant_id, user_id, email, full_name, role, password_hash)
           VALUES ($1, $2, $3, $4, $5, $6)`,
          [admin.tenant.id, Bun.randomUUIDv7(), email, `Some ${role}`, role, hash],
        ),
      );
      return signIn("/v1/auth/login", { tenant: slug, email, password: PASSWORD });
    },
  };
}

async function post(url: string, body: object): Promise<Session> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return sessionSchema.parse(await response.json());
}

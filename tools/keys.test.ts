import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "@crm/platform/config";
import { inProcessStore } from "@crm/platform/keyvalue";
import { openLog } from "@crm/platform/log";
import { type RunningService, startService } from "@crm/platform/service";
import { crmService } from "../crm-svc/src/app.ts";
import { crmConfig } from "../crm-svc/src/config.ts";
import { userService } from "../user-svc/src/app.ts";
import { type Session, session as sessionSchema } from "../user-svc/src/auth/schema.ts";
import { userConfig } from "../user-svc/src/config.ts";
import { keepSecrets } from "./local/secrets.ts";
import { rotation } from "./local/signing-keys.ts";
import { testDatabase } from "./testing/database.ts";
import { eventually } from "./testing/eventually.ts";
import { testRedisUrl } from "./testing/redis.ts";
import { PASSWORD } from "./testing/services.ts";

const CLIENTS = 4;
const WITHIN_MS = 20_000;

const directory = await mkdtemp(join(tmpdir(), "crm-keys-"));
const database = await testDatabase();
const redisUrl = testRedisUrl();
const stand = redisUrl === undefined && { keyValue: inProcessStore() };
const log = openLog("rotation", "debug", { write() {} });
const running = new AsyncDisposableStack();
running.defer(() => rm(directory, { recursive: true }));
running.defer(() => database.drop());
afterAll(() => running.disposeAsync());

const shared = {
  NODE_ENV: "test",
  DATABASE_URL: database.appUrl,
  DB_MAX_CONNECTIONS: "5",
  REDIS_URL: redisUrl,
  CURSOR_SECRET: "a secret that is good for tests only",
  GRACE_SECONDS: "5",
  LIMIT_PER_SESSION: "1000000/1s",
  // Other tests count in the same Redis, for the same address.
  LIMIT_REGISTER_PER_ADDRESS: "1000000/1s",
  LIMIT_REFRESH_PER_ADDRESS: "1000000/1s",
};

/** Starts an instance with the keys as they are in the files now. */
async function startUser(port = 0): Promise<RunningService> {
  const { signingKeyFile, acceptedKeysFile } = await keepSecrets(directory);
  const config = readConfig(userConfig, {
    ...shared,
    PORT: String(port),
    ENCRYPTION_SECRET: "another secret that is good for tests only",
    BCRYPT_COST: "4",
    JWT_SIGNING_KEY_FILE: signingKeyFile,
    JWT_ACCEPTED_KEYS_FILE: acceptedKeysFile,
  });
  const build = (foundation: Parameters<typeof userService>[1]) =>
    userService(config, { ...foundation, ...stand });
  return startService({ name: "user-svc", config, log, build });
}

const instances = [await startUser(), await startUser()];
for (const [at] of instances.entries()) running.defer(async () => instances[at]?.stop());
const userUrls = instances.map(({ port }) => `http://127.0.0.1:${port}`);
/** Where a balancer would send requests now. */
const live = new Set(userUrls);

const config = readConfig(crmConfig, { ...shared, PORT: "0", USER_SVC_URL: userUrls.join(",") });
const crm = await startService({
  name: "crm-svc",
  config,
  log,
  build: (foundation: Parameters<typeof crmService>[1]) =>
    crmService(config, { ...foundation, ...stand }),
});
running.defer(() => crm.stop());
const crmUrl = `http://127.0.0.1:${crm.port}`;

async function send(url: string, body: object | null, token?: string): Promise<Response> {
  return fetch(url, {
    method: body === null ? "GET" : "POST",
    headers: {
      "content-type": "application/json",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== null && { body: JSON.stringify(body) }),
  });
}

interface Load {
  /** Requests that succeeded so far. */
  answered: number;
  /** Requests that were answered with 401. */
  readonly refused: string[];
  /** The key of each client's token. */
  readonly kids: string[];
  end(): Promise<void>;
}

/** Clients that call both services for ever, with tokens of whichever instance. */
function startLoad(sessions: readonly Session[]): Load {
  let ended = false;
  const load = { answered: 0, refused: [] as string[], kids: [] as string[] };

  async function ask(url: string, body: object | null, token?: string): Promise<Response | null> {
    // An instance that stops may cut a connection, and crm-svc may find it gone: that is no refusal.
    const response = await send(url, body, token).catch(() => null);
    if (response?.status === 401) load.refused.push(`${url} ${await response.text()}`);
    if (response?.ok) load.answered++;
    return response;
  }

  async function client(index: number, session: Session): Promise<void> {
    let { accessToken, refreshToken } = session;
    for (let turn = 0; !ended; turn++) {
      load.kids[index] = kidOf(accessToken);
      const urls = [...live];
      for (const url of urls) await ask(`${url}/v1/users/me`, null, accessToken);
      await ask(`${crmUrl}/v1/contacts`, null, accessToken);
      const renewed = await ask(`${urls[turn % urls.length]}/v1/auth/refresh`, { refreshToken });
      if (renewed?.ok) ({ accessToken, refreshToken } = sessionSchema.parse(await renewed.json()));
    }
  }

  const clients = sessions.map((session, index) => client(index, session));
  return Object.assign(load, {
    async end() {
      ended = true;
      await Promise.all(clients);
    },
  });
}

async function signIn(path: string, body: object): Promise<Session> {
  const response = await send(`${userUrls[0]}${path}`, body);
  return sessionSchema.parse(await response.json());
}

function kidOf(token: string): string {
  const [header = ""] = token.split(".");
  const { kid }: { kid: string } = JSON.parse(atob(header));
  return kid;
}

/** Restarts the instances one after the other, each taken out of the balancer meanwhile. */
async function restartAll(): Promise<void> {
  for (const [at, url] of userUrls.entries()) {
    live.delete(url);
    await instances[at]?.stop();
    instances[at] = await startUser(Number(new URL(url).port));
    live.add(url);
  }
}

test(
  "the signing key is replaced under load without a refused request",
  async () => {
    const tenant = { name: "Company", slug: "company" };
    const person = { email: "ada@company.example", password: PASSWORD };
    const credentials = { ...person, tenant: tenant.slug };
    const first = await signIn("/v1/auth/register", { ...person, tenant, fullName: "Ada Admin" });
    const sessions = await Promise.all(
      Array.from({ length: CLIENTS }, () => signIn("/v1/auth/login", credentials)),
    );
    const oldKid = kidOf(first.accessToken);
    const load = startLoad(sessions);
    const goesOn = async (kid: string): Promise<void> => {
      const enough = load.answered + 50;
      await eventually(
        async () => load.answered >= enough && load.kids.every((each) => each === kid),
        WITHIN_MS,
      );
    };
    try {
      await goesOn(oldKid);
      await expect(rotation.sign(directory)).rejects.toThrow('the step before is "publish"');
      await rotation.publish(directory);
      await expect(rotation.retire(directory)).rejects.toThrow('the step before is "sign"');
      await restartAll();
      await goesOn(oldKid);

      await rotation.sign(directory);
      await restartAll();
      const newKid = kidOf((await signIn("/v1/auth/login", credentials)).accessToken);
      expect(newKid).not.toBe(oldKid);
      await goesOn(newKid);
      // The first one's token is still of the old key.
      expect((await send(`${userUrls[1]}/v1/users/me`, null, first.accessToken)).status).toBe(200);

      await rotation.retire(directory);
      await restartAll();
      await goesOn(newKid);
    } finally {
      await load.end();
    }
    expect(load.refused).toEqual([]);
    for (const url of userUrls) {
      expect((await send(`${url}/v1/users/me`, null, first.accessToken)).status).toBe(401);
    }
  },
  4 * WITHIN_MS,
);

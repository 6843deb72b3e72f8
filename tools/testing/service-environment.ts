import { generateKeyPairSync } from "node:crypto";
import type { TestDatabase } from "./database.ts";
import { testRedisUrl } from "./redis.ts";

const UNLIMITED = "1000000/1s";

/** Variables with which user-svc starts as a process on this database, at any free port. */
export function userEnvironment({ appUrl }: Pick<TestDatabase, "appUrl">): Record<string, string> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    ...sharedEnvironment(appUrl),
    ENCRYPTION_SECRET: "another secret that is good for tests only",
    JWT_SIGNING_KEY: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    BCRYPT_COST: "4",
    // All tests come from one address, and count in the same Redis.
    LIMIT_REGISTER_PER_ADDRESS: UNLIMITED,
    LIMIT_LOGIN_PER_ADDRESS: UNLIMITED,
  };
}

/** The same for crm-svc. */
export function crmEnvironment(
  { appUrl }: Pick<TestDatabase, "appUrl">,
  userUrl: string,
): Record<string, string> {
  return { ...sharedEnvironment(appUrl), USER_SVC_URL: userUrl };
}

function sharedEnvironment(appUrl: string): Record<string, string> {
  const redisUrl = testRedisUrl();
  return {
    NODE_ENV: "test",
    PORT: "0",
    DATABASE_URL: appUrl,
    DB_MAX_CONNECTIONS: "5",
    CURSOR_SECRET: "a secret that is good for tests only",
    ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
  };
}

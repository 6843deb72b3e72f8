import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigFault, readConfig, serviceConfig } from "./config.ts";

const GOOD = {
  DATABASE_URL: "postgres://crm_app@db/crm",
  CURSOR_SECRET: "0123456789abcdef0123456789abcdef",
};

function faultsOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig(serviceConfig, environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    return error.faults;
  }
}

describe("readConfig", () => {
  test("fills in the defaults", () => {
    expect(readConfig(serviceConfig, GOOD)).toEqual({
      NODE_ENV: "production",
      PORT: 8080,
      DATABASE_URL: GOOD.DATABASE_URL,
      DB_MAX_CONNECTIONS: 10,
      JOBS_AT_ONCE: 2,
      DB_WAIT_SECONDS: 30,
      LOG_LEVEL: "info",
      CORS_ORIGINS: [],
      TRUSTED_HOPS: 0,
      CURSOR_SECRET: GOOD.CURSOR_SECRET,
      LIMIT_PER_SESSION: { points: 1_000, seconds: 1 },
      DRAIN_SECONDS: 0,
      GRACE_SECONDS: 20,
    });
  });

  test("names every fault at once", () => {
    const faults = faultsOf({
      PORT: "http",
      DB_MAX_CONNECTIONS: "0",
      LOG_LEVEL: "loud",
      REDIS_URL: "127.0.0.1:6379",
      CURSOR_SECRET: "short",
    });
    expect(faults).toEqual([
      "PORT: must be a whole number from 0 to 65535",
      "DATABASE_URL: is not set",
      "DB_MAX_CONNECTIONS: must be a whole number from 1 to 1000",
      "REDIS_URL: must be a URL like redis://… or rediss://…",
      "LOG_LEVEL: must be debug, info, warn or error",
      "CURSOR_SECRET: must have at least 32 characters; openssl rand -base64 32",
    ]);
  });

  test("takes an empty variable for unset", () => {
    expect(faultsOf({ ...GOOD, DATABASE_URL: "" })).toEqual(["DATABASE_URL: is not set"]);
    expect(readConfig(serviceConfig, { ...GOOD, PORT: "" }).PORT).toBe(8080);
  });

  test("reads a value from a file, without the last line break", async () => {
    const folder = await mkdtemp(join(tmpdir(), "config-"));
    const file = join(folder, "secret");
    await writeFile(file, `${GOOD.CURSOR_SECRET}\n`);
    const { DATABASE_URL } = GOOD;
    const config = readConfig(serviceConfig, { DATABASE_URL, CURSOR_SECRET_FILE: file });
    expect(config.CURSOR_SECRET).toBe(GOOD.CURSOR_SECRET);
    expect(faultsOf({ ...GOOD, CURSOR_SECRET_FILE: file })).toEqual([
      "CURSOR_SECRET: set either CURSOR_SECRET or CURSOR_SECRET_FILE, not both",
    ]);
    await rm(folder, { recursive: true });
    expect(faultsOf({ DATABASE_URL, CURSOR_SECRET_FILE: file })).toEqual([
      `CURSOR_SECRET_FILE: cannot read ${file} (ENOENT)`,
    ]);
  });

  test("reads how often something may be done, in so many seconds", () => {
    const rateOf = (LIMIT_PER_SESSION: string) =>
      readConfig(serviceConfig, { ...GOOD, LIMIT_PER_SESSION }).LIMIT_PER_SESSION;
    expect(rateOf("20/15m")).toEqual({ points: 20, seconds: 900 });
    expect(rateOf("1/30s")).toEqual({ points: 1, seconds: 30 });
    expect(rateOf("5/2h")).toEqual({ points: 5, seconds: 7_200 });
    expect(rateOf("9/7d")).toEqual({ points: 9, seconds: 604_800 });
    for (const odd of [
      "20",
      "20/m",
      "0/1m",
      "20/0m",
      "2.5/1m",
      "-1/1m",
      "20/15",
      "20 / 15m",
      "1/8d",
    ]) {
      expect(faultsOf({ ...GOOD, LIMIT_PER_SESSION: odd })).toHaveLength(1);
    }
  });

  test("splits lists", () => {
    const { CORS_ORIGINS } = readConfig(serviceConfig, {
      ...GOOD,
      CORS_ORIGINS: " https://a.example , ,https://b.example",
    });
    expect(CORS_ORIGINS).toEqual(["https://a.example", "https://b.example"]);
  });
});

import { readFileSync } from "node:fs";
import { z } from "zod";

/** Exit code of a process whose configuration is wrong (`EX_CONFIG` of sysexits.h). */
export const EX_CONFIG = 78;

const DAY_S = 86_400;

/** All that is wrong with a configuration, one line a variable. */
export class ConfigFault extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.name = "ConfigFault";
    this.faults = faults;
  }
}

/**
 * Reads variables of the environment through a zod object whose keys are their names, and throws a
 * ConfigFault that names every variable that is unset or malformed, all at once.
 *
 * `NAME_FILE` may stand for any `NAME`: the value is then the file's content without the last line
 * break, as secrets are mounted. An empty variable counts as unset.
 */
export function readConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<z.ZodObject<Shape>> {
  const faults: string[] = [];
  const values: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = environment[name];
    const file = environment[`${name}_FILE`];
    if (value && file) faults.push(`${name}: set either ${name} or ${name}_FILE, not both`);
    else if (value) values[name] = value;
    else if (file) {
      try {
        values[name] = readFileSync(file, "utf8").replace(/\r?\n$/, "");
      } catch (error) {
        faults.push(`${name}_FILE: cannot read ${file} (${errorCode(error)})`);
        values[name] = "";
      }
    }
  }
  const parsed = schema.safeParse(values);
  if (parsed.success && faults.length === 0) return parsed.data;
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? "");
    if (faults.some((fault) => fault.startsWith(`${name}:`) || fault.startsWith(`${name}_FILE:`))) {
      continue;
    }
    faults.push(`${name}: ${name in values ? issue.message : "is not set"}`);
  }
  throw new ConfigFault(faults);
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/** A whole number within bounds, written in decimal digits. */
export function integer(least: number, most: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, {
      message: `must be a whole number from ${least} to ${most}`,
    });
}

/** A URL of one of these schemes, such as `postgres:`. */
export function url(...schemes: string[]) {
  const expected = schemes.map((scheme) => `${scheme}//…`).join(" or ");
  return z.string().refine((value) => schemes.includes(URL.parse(value)?.protocol ?? ""), {
    message: `must be a URL like ${expected}`,
  });
}

/** Items separated by commas; spaces around them do not count. */
export function list(separator = ",") {
  return z.string().transform((value) =>
    value
      .split(separator)
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  );
}

/** So often within so many seconds, minutes, hours or days, such as `20/15m`. At most seven days. */
export function rate() {
  const message = "must be like 20/15m: how often, and in how many seconds, minutes, hours or days";
  return z
    .string()
    .regex(/^[1-9]\d{0,8}\/[1-9]\d{0,5}[smhd]$/, message)
    .transform((value) => {
      const [points, time = ""] = value.split("/");
      const unit = { s: 1, m: 60, h: 3_600, d: DAY_S }[time.at(-1) ?? ""] ?? Number.NaN;
      return { points: Number(points), seconds: Number(time.slice(0, -1)) * unit };
    })
    .refine(({ seconds }) => seconds <= 7 * DAY_S, "must be of seven days at most");
}

/** The variables that every service of this kind reads. */
export const serviceConfig = z.object({
  NODE_ENV: z
    .enum(["production", "development", "test"], "must be production, development or test")
    .default("production"),
  PORT: integer(0, 65_535).prefault("8080"),
  HTTP_PORT: integer(0, 65_535).optional(),
  DATABASE_URL: url("postgres:", "postgresql:"),
  DB_MAX_CONNECTIONS: integer(1, 1_000).prefault("10"),
  DB_WAIT_SECONDS: integer(0, 3_600).prefault("30"),
  REDIS_URL: url("redis:", "rediss:").optional(),
  REDIS_PASSWORD: z.string().optional(),
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error"], "must be debug, info, warn or error")
    .default("info"),
  CORS_ORIGINS: list().prefault(""),
  TRUSTED_HOPS: integer(0, 10).prefault("0"),
  CURSOR_SECRET: z.string().min(32, "must have at least 32 characters; openssl rand -base64 32"),
  /** Requests of one session or API key, in each process. */
  LIMIT_PER_SESSION: rate().prefault("1000/1s"),
  DRAIN_SECONDS: integer(0, 300).prefault("0"),
  GRACE_SECONDS: integer(0, 300).prefault("20"),
});

export type ServiceConfig = z.output<typeof serviceConfig>;

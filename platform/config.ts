import { readFileSync } from "node:fs";
import { z } from "zod";
import { LOG_LEVELS } from "./log.ts";

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
    const missing = issue.code === "invalid_type" && !(name in values);
    faults.push(`${name}: ${missing ? "is not set" : issue.message}`);
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

/** What a variable is for, as `docs/configuration.md` tells it; the schema is its only source. */
export interface VariableMeta {
  readonly description: string;
  /** In what it is counted or written. */
  readonly unit?: string;
  /** It belongs into a file (`NAME_FILE`), and nowhere else. */
  readonly secret?: boolean;
}

/** Names a variable's effect. To be called last: what is made of a schema after it does not keep it. */
export function variable<Schema extends z.ZodType>(schema: Schema, meta: VariableMeta): Schema {
  return schema.meta({ ...meta });
}

/** The variables that every service of this kind reads. */
export const serviceConfig = z.object({
  NODE_ENV: variable(
    z
      .enum(["production", "development", "test"], "must be production, development or test")
      .default("production"),
    {
      description:
        "In `production` a service refuses to start without Redis, and as a role that row-level security does not bind.",
    },
  ),
  PORT: variable(integer(0, 65_535).prefault("8080"), {
    description: "The port that speaks every protocol; 0 takes any free one.",
  }),
  HTTP_PORT: variable(integer(0, 65_535).optional(), {
    description: "One more port, for HTTP/1.1 alone, with nothing in front of it.",
  }),
  DATABASE_URL: variable(url("postgres:", "postgresql:"), {
    description: "PostgreSQL, as the role `crm_app`.",
    secret: true,
  }),
  DB_MAX_CONNECTIONS: variable(integer(1, 1_000).prefault("10"), {
    description: "Connections to PostgreSQL, in each process.",
    unit: "connections",
  }),
  JOBS_AT_ONCE: variable(integer(0, 16).prefault("2"), {
    description:
      "Jobs that run side by side in each process; with 0 it runs none. They use the connections above; the queue itself takes four more in a process that runs jobs.",
    unit: "jobs",
  }),
  DB_WAIT_SECONDS: variable(integer(0, 3_600).prefault("30"), {
    description: "How long a service waits for PostgreSQL when it starts; then it ends with 69.",
    unit: "seconds",
  }),
  REDIS_URL: variable(url("redis:", "rediss:").optional(), {
    description:
      "Redis, which production needs. Without it, what instances share is in each alone.",
  }),
  REDIS_PASSWORD: variable(z.string().optional(), {
    description: "The password, if it is not in the URL.",
    secret: true,
  }),
  LOG_LEVEL: variable(z.enum(LOG_LEVELS, "must be debug, info, warn or error").default("info"), {
    description:
      "The least level that is logged: `debug`, `info`, `warn` or `error`. `LOG_LEVEL_FILE` is read again every few seconds: what it holds then is [the level from then on](events.md#levels).",
  }),
  CORS_ORIGINS: variable(list().prefault(""), {
    description: "Origins of pages that may call from a browser.",
    unit: "with commas between",
  }),
  TRUSTED_HOPS: variable(integer(0, 10).prefault("0"), {
    description: "Proxies in front that add to X-Forwarded-For; more would let clients lie.",
    unit: "proxies",
  }),
  CURSOR_SECRET: variable(
    z.string().min(32, "must have at least 32 characters; openssl rand -base64 32"),
    { description: "Seals the cursors of pages. The same for all instances.", secret: true },
  ),
  LIMIT_PER_SESSION: variable(rate().prefault("1000/1s"), {
    description: "Requests of one session or API key, in each process.",
    unit: "rate",
  }),
  DRAIN_SECONDS: variable(integer(0, 300).prefault("0"), {
    description:
      "How long a service that is to stop still serves, while it is not ready any more: as long as load balancers need to notice.",
    unit: "seconds",
  }),
  GRACE_SECONDS: variable(integer(0, 300).prefault("20"), {
    description: "After that, how long requests, streams and jobs have to end.",
    unit: "seconds",
  }),
});

export type ServiceConfig = z.output<typeof serviceConfig>;

/** For `superRefine`: what production needs besides. */
export function productionNeeds(
  config: Partial<Pick<ServiceConfig, "NODE_ENV" | "REDIS_URL">>,
  ctx: z.RefinementCtx,
): void {
  if (config.NODE_ENV !== "production" || config.REDIS_URL !== undefined) return;
  const message = "is not set, and production needs Redis";
  ctx.addIssue({ code: "custom", path: ["REDIS_URL"], message });
}

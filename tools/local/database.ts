import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { migrate, migrateJobs } from "@crm/platform/migrations";
import { sqlFile, sqlFiles } from "@crm/platform/sql-files" with { type: "macro" };
import pg from "pg";
import { Fault, reasonOf } from "./fault.ts";

const SQL_DIRECTORY = join(import.meta.dir, "../../sql");
const LEAST_VERSION = 150_000;
/** The builtin provider's C.UTF-8 is the same on every operating system. */
const BUILTIN_LOCALE_VERSION = 170_000;
/** Any number, as long as all who prepare the same server take the same one. */
const PREPARING = 4_711_082;

export interface Passwords {
  readonly ownerPassword: string;
  readonly appPassword: string;
}

/** The same database as the role that owns and migrates it, and as the role that serves. */
export interface DatabaseUrls {
  readonly ownerUrl: string;
  readonly appUrl: string;
}

/** Signs in, runs `use`, signs out. Throws a Fault that names the server if there is none. */
export async function withClient<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A connection that is lost between two statements reports here; the next statement fails.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    const { host, pathname } = new URL(url);
    throw new Fault(`Cannot sign in to PostgreSQL at ${host}${pathname}: ${reasonOf(error)}`);
  }
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/**
 * Makes the roles of `sql/roles.sql`, gives them these passwords, and makes the database `name`
 * unless it is there. May be run again, and by several processes at once.
 *
 * `adminUrl` signs in as a role with CREATEROLE and CREATEDB, to any database.
 */
export async function prepareDatabase(
  adminUrl: string,
  name: string,
  passwords: Passwords,
): Promise<DatabaseUrls> {
  const urls = databaseUrls(adminUrl, name, passwords);
  await withClient(adminUrl, async (admin) => {
    const version = await versionOf(admin);
    if (version < LEAST_VERSION) {
      throw new Fault(
        `PostgreSQL 15 or newer is needed; this server is ${Math.floor(version / 10_000)}.`,
      );
    }
    await admin.query("SELECT pg_advisory_lock($1)", [PREPARING]);
    await admin.query(await readFile(join(SQL_DIRECTORY, "roles.sql"), "utf8"));
    const { ownerPassword, appPassword } = passwords;
    await admin.query(`ALTER ROLE crm_owner PASSWORD ${admin.escapeLiteral(ownerPassword)}`);
    await admin.query(`ALTER ROLE crm_app PASSWORD ${admin.escapeLiteral(appPassword)}`);
    const existing = await admin.query("SELECT FROM pg_database WHERE datname = $1", [name]);
    if (existing.rowCount === 0) await createEmpty(admin, name, version);
  });
  return urls;
}

/** Makes the database `name` as a copy of `template`, to which nobody may be connected. */
export async function copyDatabase(
  admin: pg.Client,
  name: string,
  template: string,
): Promise<void> {
  const target = admin.escapeIdentifier(name);
  await admin.query(
    `CREATE DATABASE ${target} OWNER crm_owner TEMPLATE ${admin.escapeIdentifier(template)}`,
  );
  await closeToPublic(admin, target);
}

/** Brings both schemas and the job queue up to date. Returns the names of the files that were applied. */
export async function migrateDatabase(ownerUrl: string): Promise<string[]> {
  const applied: string[] = [];
  for (const [directory, schema, files] of [
    ["user", "identity", sqlFiles("user")],
    ["crm", "crm", sqlFiles("crm")],
  ] as const) {
    const names = await migrate({ url: ownerUrl, files, schema });
    applied.push(...names.map((name) => `${directory}/${name}`));
  }
  await migrateJobs(ownerUrl, sqlFile("jobs.sql"));
  return applied;
}

/** URLs of the database `name` on the server of `adminUrl`. */
export function databaseUrls(adminUrl: string, name: string, passwords: Passwords): DatabaseUrls {
  const urlFor = (role: string, password: string): string => {
    const url = new URL(adminUrl);
    url.username = role;
    url.password = password;
    url.pathname = `/${name}`;
    return url.href;
  };
  return {
    ownerUrl: urlFor("crm_owner", passwords.ownerPassword),
    appUrl: urlFor("crm_app", passwords.appPassword),
  };
}

async function versionOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    "SELECT current_setting('server_version_num')::int AS version",
  );
  return rows[0]?.version ?? 0;
}

async function createEmpty(admin: pg.Client, name: string, version: number): Promise<void> {
  const target = admin.escapeIdentifier(name);
  const locale =
    version >= BUILTIN_LOCALE_VERSION
      ? "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
      : "LOCALE_PROVIDER libc LOCALE 'C.UTF-8'";
  await admin.query(
    `CREATE DATABASE ${target} OWNER crm_owner TEMPLATE template0 ENCODING 'UTF8' ${locale}`,
  );
  await closeToPublic(admin, target);
}

/** A copy has its template's contents but not its privileges, so each database needs this. */
async function closeToPublic(admin: pg.Client, target: string): Promise<void> {
  await admin.query(`REVOKE ALL ON DATABASE ${target} FROM PUBLIC`);
  await admin.query(`GRANT CONNECT ON DATABASE ${target} TO crm_app`);
}

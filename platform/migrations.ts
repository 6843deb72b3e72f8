import { runMigrations } from "graphile-worker";
import { Kysely, PostgresDialect, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import pg from "pg";
import type { SqlFiles } from "./sql-files.ts";

export interface MigrateOptions {
  /** Connection URL of the role that owns the schema (`crm_owner`). */
  readonly url: string;
  /** Numbered files. They are append only: a file that has run is never edited. */
  readonly files: SqlFiles;
  /** Schema that the files fill. It also keeps the list of those that have run. */
  readonly schema: string;
}

/**
 * Brings a schema up to date and returns the names of the files that ran, in order.
 *
 * All of them run in one transaction under a lock, so that several instances may start at once and
 * a file that fails leaves nothing behind. Throws the database's error, with the file's name.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  return withMigrator(options, async (migrator) => {
    const { error, results = [] } = await migrator.migrateToLatest();
    if (error) {
      const failed = results.find((result) => result.status === "Error");
      throw new Error(
        `migration ${failed?.migrationName ?? `of ${options.schema}`} failed: ${error}`,
        {
          cause: error,
        },
      );
    }
    return results.map((result) => result.migrationName);
  });
}

/**
 * Brings the job queue's schema (`graphile_worker`) up to date, as the role that owns it, and runs
 * `grants`, SQL that says what others may do there. Throws the database's error.
 */
export async function migrateJobs(url: string, grants: string): Promise<void> {
  await runMigrations({ connectionString: url, maxPoolSize: 2 });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(grants);
  } finally {
    await client.end();
  }
}

async function withMigrator<T>(
  options: MigrateOptions,
  run: (migrator: Migrator) => Promise<T>,
): Promise<T> {
  const pool = new pg.Pool({ connectionString: options.url, max: 2 });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    return await run(
      new Migrator({
        db,
        provider: { getMigrations: async () => migrationsOf(options.files) },
        migrationTableSchema: options.schema,
        migrationTableName: "migrations",
        migrationLockTableName: "migrations_lock",
      }),
    );
  } finally {
    await db.destroy();
  }
}

function migrationsOf(files: SqlFiles): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [
      name,
      { up: async (db: Kysely<unknown>) => void (await sql.raw(text).execute(db)) },
    ]),
  );
}

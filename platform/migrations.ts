import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Kysely, PostgresDialect, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import pg from "pg";

export interface MigrateOptions {
  /** Connection URL of the role that owns the schema (`crm_owner`). */
  readonly url: string;
  /** Folder of numbered `.sql` files. They are append only: a file that has run is never edited. */
  readonly directory: string;
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
      throw new Error(`migration ${failed?.migrationName ?? options.directory} failed: ${error}`, {
        cause: error,
      });
    }
    return results.map((result) => result.migrationName);
  });
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
        provider: { getMigrations: () => sqlFiles(options.directory) },
        migrationTableSchema: options.schema,
        migrationTableName: "migrations",
        migrationLockTableName: "migrations_lock",
      }),
    );
  } finally {
    await db.destroy();
  }
}

async function sqlFiles(directory: string): Promise<Record<string, Migration>> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(join(directory, name), "utf8")] as const),
  );
  return Object.fromEntries(
    files.map(([name, text]) => [
      name.replace(/\.sql$/, ""),
      { up: async (db: Kysely<unknown>) => void (await sql.raw(text).execute(db)) },
    ]),
  );
}

import { sql } from "kysely";
import type { Database } from "./database.ts";
import type { Check } from "./health.ts";

/**
 * Checks that these files have run in a schema, those that the service was built with. Others may have
 * run too: while a newer version is rolled out, the older one still serves.
 */
export function migrationsApplied<Tables>(
  database: Pick<Database<Tables>, "outsideTenants">,
  expected: Readonly<Record<string, readonly string[]>>,
): Check {
  return async (deadline) => {
    for (const [schema, names] of Object.entries(expected)) {
      const { rows } = await sql<{
        name: string;
      }>`SELECT name FROM ${sql.id(schema, "migrations")}`.execute(
        database.outsideTenants(deadline),
      );
      const applied = new Set(rows.map(({ name }) => name));
      const missing = names.filter((name) => !applied.has(name));
      if (missing.length === 0) continue;
      const code = `missing: ${missing.map((name) => `${schema} ${name}`).join(", ")}`;
      throw Object.assign(new Error("migrations have not run"), { code });
    }
  };
}

import { type Kysely, sql } from "kysely";

/**
 * How many entries of each index of the schema, and how many rows of each table without one, `run` reads in its
 * transaction; what is not read is left out.
 */
export async function readsOf<DB>(
  db: Kysely<DB>,
  schema: "identity" | "crm",
  run: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const before = await counts(db, schema);
  await run();
  const after = await counts(db, schema);
  const read = [...after].map(([name, rows]) => [name, rows - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(read.filter(([, rows]) => rows > 0));
}

/** What this session has read and not reported yet, of this transaction and of others before. */
async function counts<DB>(db: Kysely<DB>, schema: string): Promise<Map<string, number>> {
  const { rows } = await sql<{ name: string; rows: number }>`
    select relname as name, pg_stat_get_xact_tuples_returned(oid)::int as rows
    from pg_class
    where relnamespace = ${schema}::regnamespace and relkind in ('r', 'p', 'i')`.execute(db);
  return new Map(rows.map((row) => [row.name, row.rows]));
}

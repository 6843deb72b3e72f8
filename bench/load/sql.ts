import pg from "pg";
import type { Lanes } from "./generator.ts";

export interface SqlLoad {
  readonly kind: "sql";
  readonly databaseUrl: string;
  readonly poolSize: number;
  readonly text: string;
  /** Each query has one of these lists of parameters, at random, and must find one row. */
  readonly parameters: readonly (readonly string[])[];
}

/** A prepared statement over and over, as pgbench does with `--protocol=prepared`. */
export async function sqlLanes(load: SqlLoad, lanes: number): Promise<Lanes> {
  const pool = new pg.Pool({ connectionString: load.databaseUrl, max: load.poolSize });
  const send = async (): Promise<void> => {
    const parameters = load.parameters[Math.floor(Math.random() * load.parameters.length)] ?? [];
    const { rowCount } = await pool.query({
      name: "statement",
      text: load.text,
      values: [...parameters],
    });
    if (rowCount !== 1) throw new Error(`the query found ${rowCount} rows`);
  };
  // Opens all connections.
  await Promise.all(Array.from({ length: load.poolSize }, send));
  return { lanes: Array.from({ length: lanes }, () => send), close: () => pool.end() };
}

import type pg from "pg";

const TRIES = 60;
const PAUSE_MS = 500;

/**
 * Vacuums a table until all of its pages are visible to everybody. Whoever still looks at an older state
 * of anything, such as an autovacuum, keeps them from it; and index-only scans would read the table.
 */
export async function vacuum(owner: pg.Client, table: string): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries++) {
    await owner.query(`vacuum (analyze) ${table}`);
    const { rowCount } = await owner.query(
      "select from pg_class where oid = $1::regclass and relallvisible >= relpages",
      [table],
    );
    if (rowCount === 1) return;
    await Bun.sleep(PAUSE_MS);
  }
  throw new Error(`somebody has kept ${table} from being vacuumed`);
}

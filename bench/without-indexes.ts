import type pg from "pg";

/**
 * Has a table filled while it has no indexes but those of its constraints, and makes the others anew: of a
 * million contacts in less than half the time.
 */
export async function withoutIndexes(
  owner: pg.Client,
  table: string,
  fill: () => Promise<void>,
): Promise<void> {
  const { rows } = await owner.query<{ name: string; definition: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
     from pg_index where indrelid = $1::regclass
       and not exists (select from pg_constraint where conindid = indexrelid)`,
    [table],
  );
  for (const { name } of rows) await owner.query(`drop index ${name}`);
  await fill();
  await owner.query("set maintenance_work_mem = '512MB'");
  for (const { definition } of rows) await owner.query(definition);
  await owner.query(`vacuum (analyze) ${table}`);
}

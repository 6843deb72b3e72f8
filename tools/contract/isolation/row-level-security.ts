import { withClient } from "../../local/database.ts";

/** Of all tables that have policies: without, nothing hides that a query forgets to name the tenant. */
export async function setRowLevelSecurity(
  ownerUrl: string,
  to: "enable" | "disable",
): Promise<void> {
  await withClient(ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ statement: string }>(
      `SELECT DISTINCT format('ALTER TABLE %I.%I ${to} ROW LEVEL SECURITY', schemaname, tablename)
         AS statement FROM pg_policies`,
    );
    for (const { statement } of rows) await owner.query(statement);
  });
}

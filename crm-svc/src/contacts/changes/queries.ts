import type { Kysely } from "kysely";
import type { DB } from "../../tables.gen.ts";
import type { Change } from "./revert.ts";

/** An entry of the audit log about this contact. */
export async function findChange(
  db: Kysely<DB>,
  tenantId: string,
  contactId: string,
  auditId: string,
): Promise<Change | null> {
  const row = await db
    .selectFrom("crm.audit_log")
    .select(["action", "before", "after"])
    .where("tenant_id", "=", tenantId)
    .where("audit_id", "=", auditId)
    .where("entity", "=", "contact")
    .where("entity_id", "=", contactId)
    .executeTakeFirst();
  // Only objects are ever written there: see platform/audit.ts.
  return (row as Change | undefined) ?? null;
}

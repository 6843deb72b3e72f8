import type { Kysely } from "kysely";
import { contactColumns, contactOf } from "../../contacts/rows.ts";
import type { Contact } from "../../contacts/schema.ts";
import type { DB } from "../../tables.gen.ts";

/**
 * The contact if it is there, held for a change until the transaction ends. Not against foreign keys:
 * what happens with it meanwhile can still be logged.
 */
export async function holdContactForChange(
  db: Kysely<DB>,
  tenantId: string,
  id: string,
): Promise<Contact | null> {
  const row = await db
    .selectFrom("crm.contacts")
    .select(contactColumns)
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", id)
    .where("deleted_at", "is", null)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row === undefined ? null : contactOf(row);
}

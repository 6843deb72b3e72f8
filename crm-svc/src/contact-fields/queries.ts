import type { Kysely } from "kysely";
import type { DB } from "../tables.gen.ts";
import type { ContactField, ContactFieldList } from "./schema.ts";

type Db = Kysely<DB>;

/** What the fields of a contact mean, as its tenant has settled it. */
export interface ContactSettings {
  /** Where phone numbers without a country code are from (ISO 3166-1). */
  readonly country: string | null;
  readonly fields: readonly ContactField[];
}

export async function findContactSettings(db: Db, tenantId: string): Promise<ContactSettings> {
  const row = await db
    .selectFrom("identity.tenants as tenants")
    .leftJoin("crm.contact_fields as settings", "settings.tenant_id", "tenants.tenant_id")
    .select(["tenants.country", "settings.fields"])
    .where("tenants.tenant_id", "=", tenantId)
    .executeTakeFirstOrThrow();
  return { country: row.country, fields: fieldsOf(row.fields) };
}

/** The fields; of a tenant that has never set any, none, in version 1. */
export async function findContactFields(db: Db, tenantId: string): Promise<ContactFieldList> {
  const row = await db
    .selectFrom("crm.contact_fields")
    .select(["fields", "version"])
    .where("tenant_id", "=", tenantId)
    .executeTakeFirst();
  return { fields: fieldsOf(row?.fields), version: row?.version ?? 1 };
}

/** The same, held until the transaction ends, also where there is no row yet. */
export async function lockContactFields(db: Db, tenantId: string): Promise<ContactFieldList> {
  await db
    .insertInto("crm.contact_fields")
    .values({ tenant_id: tenantId, fields: "[]", version: 1 })
    .onConflict((conflict) => conflict.column("tenant_id").doNothing())
    .execute();
  const row = await db
    .selectFrom("crm.contact_fields")
    .select(["fields", "version"])
    .where("tenant_id", "=", tenantId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return { fields: fieldsOf(row.fields), version: row.version };
}

export async function updateContactFields(
  db: Db,
  tenantId: string,
  { fields, version }: ContactFieldList,
): Promise<void> {
  await db
    .updateTable("crm.contact_fields")
    .set({ fields: JSON.stringify(fields), version, updated_at: new Date() })
    .where("tenant_id", "=", tenantId)
    .execute();
}

/** Only what the schema made is ever written there; jsonb has its members in another order. */
function fieldsOf(stored: unknown): ContactField[] {
  return ((stored ?? []) as ContactField[]).map(({ name, label, type, required, options }) => ({
    name,
    label,
    type,
    required,
    options,
  }));
}

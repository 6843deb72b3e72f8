import { type Kysely, sql } from "kysely";
import type { Reach } from "../leads/queries.ts";
import type { Lead } from "../leads/schema.ts";
import type { DB } from "../tables.gen.ts";
import type { Customer, CustomerFilter } from "./schema.ts";

type Db = Kysely<DB>;

const columns = [
  "customer_id",
  "contact_id",
  "lead_id",
  "value",
  "currency",
  "source",
  "version",
  "created_at",
  "updated_at",
] as const;

interface CustomerRow {
  readonly customer_id: string;
  readonly contact_id: string;
  readonly lead_id: string;
  readonly value: string | null;
  readonly currency: string | null;
  readonly source: string | null;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

function customerOf(row: CustomerRow): Customer {
  const { value: amount, currency } = row;
  return {
    id: row.customer_id,
    contactId: row.contact_id,
    leadId: row.lead_id,
    value: amount === null || currency === null ? null : { amount, currency },
    source: row.source,
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

/** The customer, or the one that answers in its place since their contacts were merged. */
export async function findCustomer(
  db: Db,
  { tenantId, ownedBy }: Reach,
  id: string,
): Promise<Customer | null> {
  const { rows } = await sql<CustomerRow>`
    with recursive chain as (
      select * from crm.customers
      where tenant_id = ${tenantId}::uuid and customer_id = ${id}::uuid
      union all
      select next.* from chain join crm.customers next
        on next.tenant_id = ${tenantId}::uuid and next.customer_id = chain.merged_into
    )
    select ${sql.join(columns.map((column) => sql.ref(column)))} from chain
    where merged_into is null and ${ownership({ tenantId, ownedBy }, "chain")}`.execute(db);
  const [row] = rows;
  return row === undefined ? null : customerOf(row);
}

/** The customer that a contact is, if it is one. */
export async function findCustomerOf(
  db: Db,
  tenantId: string,
  contactId: string,
): Promise<Customer | null> {
  const row = await db
    .selectFrom("crm.customers")
    .select(columns)
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", contactId)
    .where("merged_into", "is", null)
    .executeTakeFirst();
  return row === undefined ? null : customerOf(row);
}

/** Makes a lead's contact a customer. A contact has one at most: the unique index says so. */
export async function insertCustomer(db: Db, tenantId: string, lead: Lead): Promise<Customer> {
  const row = await db
    .insertInto("crm.customers")
    .values({
      tenant_id: tenantId,
      customer_id: Bun.randomUUIDv7(),
      contact_id: lead.contactId,
      lead_id: lead.id,
      value: lead.value?.amount ?? null,
      currency: lead.value?.currency ?? null,
      source: lead.source,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return customerOf(row);
}

/** Newest first, one more than `limit`; `after` is the last of the page before. */
export async function listCustomers(
  db: Db,
  reach: Reach,
  { contactId, source, createdFrom, createdTo }: CustomerFilter,
  limit: number,
  after: { readonly createdAt: string; readonly id: string } | undefined,
): Promise<Customer[]> {
  const never = new Date(0);
  const rows = await db
    .selectFrom("crm.customers")
    .select(columns)
    .where("tenant_id", "=", reach.tenantId)
    .where("merged_into", "is", null)
    .where(ownership(reach, "crm.customers"))
    .$if(contactId !== undefined, (query) => query.where("contact_id", "=", contactId ?? ""))
    .$if(source !== undefined, (query) => query.where("source", "=", source ?? ""))
    .$if(createdFrom !== undefined, (query) =>
      query.where("created_at", ">=", createdFrom ?? never),
    )
    .$if(createdTo !== undefined, (query) => query.where("created_at", "<", createdTo ?? never))
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(created_at, customer_id)
          < (${after?.createdAt}::timestamptz, ${after?.id}::uuid)`,
      ),
    )
    .orderBy("created_at", "desc")
    .orderBy("customer_id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map(customerOf);
}

/** A customer is whose the lead is that made it. */
function ownership({ tenantId, ownedBy }: Reach, table: string) {
  if (ownedBy === null) return sql<boolean>`true`;
  return sql<boolean>`exists (
    select from crm.leads where leads.tenant_id = ${tenantId}::uuid
      and leads.lead_id = ${sql.ref(`${table}.lead_id`)}
      and leads.assigned_user_id = ${ownedBy}::uuid)`;
}

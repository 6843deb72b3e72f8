import { type Kysely, sql } from "kysely";
import { unknownTenant } from "../by-id.queries.ts";
import { contactColumns, contactOf } from "../contacts/rows.ts";
import type { Contact } from "../contacts/schema.ts";
import type { DB } from "../tables.gen.ts";
import type { Identity } from "./comparable.ts";
import type { Sharing } from "./scoring.ts";

type Db = Kysely<DB>;

/** A key that more contacts than these share tells nobody apart: `info@…`, the number of a switchboard. */
export const MAX_SHARING = 50;

/** Whom to look for, as one of some. */
export interface Probe extends Identity {
  readonly number: number;
  /** False where it is another given name of somebody that is looked for already. */
  readonly main: boolean;
}

/** A contact that shares a key with a probe. */
export interface Found {
  readonly number: number;
  readonly contactId: string;
  readonly ownerUserId: string | null;
  readonly identity: Identity;
  readonly sharing: Sharing;
}

const identityColumns = [
  "contact_id",
  "owner_user_id",
  "first_name",
  "last_name",
  "email",
  "phone_e164",
  "company",
  "address_street",
  "address_postal_code",
] as const;

interface IdentityRow {
  readonly contact_id: string;
  readonly owner_user_id: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly email: string | null;
  readonly phone_e164: string | null;
  readonly company: string | null;
  readonly address_street: string | null;
  readonly address_postal_code: string | null;
}

function identityOf(row: IdentityRow): Identity {
  return {
    firstName: row.first_name,
    lastName: row.last_name,
    email: row.email,
    phone: row.phone_e164,
    company: row.company,
    street: row.address_street,
    postalCode: row.address_postal_code,
  };
}

/**
 * The contacts that share a key with somebody: e-mail, mailbox, phone, name, first or last name at a
 * company. Keys that more than MAX_SHARING share find nobody.
 *
 * @param waitingAfter leaves out contacts of a greater id that are in the queue, and so will be compared.
 */
export async function findSimilar(
  db: Db,
  tenantId: string,
  probes: readonly Probe[],
  waitingAfter: string | null = null,
): Promise<Found[]> {
  const list = <Value>(pick: (probe: Probe) => Value): Value[] => probes.map(pick);
  // Else a thousand probes among 400,000 new contacts took ten minutes.
  const tenant = unknownTenant(tenantId);
  const hits = (kind: string, column: string) => sql`
    select key.number, key.kind, key.main, shared.ids
    from key cross join lateral (
      select array_agg(contact_id) as ids from (
        select contact_id from crm.contacts
        where tenant_id = ${tenant} and deleted_at is null and ${sql.ref(column)} = key.value
        limit ${MAX_SHARING + 1}::integer
      ) as bearers
    ) as shared
    where key.kind = ${sql.lit(kind)} and shared.ids is not null`;
  const { rows } = await sql<
    IdentityRow & Record<"number" | "email_sharing" | "phone_sharing" | "name_sharing", number>
  >`
    with probe as materialized (
      select * from unnest(
        ${list((probe) => probe.number)}::integer[], ${list((probe) => probe.firstName)}::text[],
        ${list((probe) => probe.lastName)}::text[], ${list((probe) => probe.company)}::text[],
        ${list((probe) => probe.email)}::text[], ${list((probe) => probe.phone)}::text[],
        ${list((probe) => probe.main)}::boolean[]
      ) as probe (number, first_name, last_name, company, email, phone, main)
    ), key as materialized (
      select number, kind, value, bool_or(main) as main
      from probe cross join lateral (values
        ('name', crm.match_name(first_name, last_name)),
        ('first', crm.match_at(company, first_name)),
        ('last', case when main then crm.match_at(company, last_name) end),
        ('email', case when main then email end),
        ('mailbox', case when main then crm.match_mailbox(email) end),
        ('phone', case when main then phone end)
      ) as made (kind, value)
      where value is not null
      group by number, kind, value
    ), hit as materialized (
      ${sql.join(
        [
          hits("name", "match_name"),
          hits("first", "match_first"),
          hits("last", "match_last"),
          hits("email", "email"),
          hits("mailbox", "match_mailbox"),
          hits("phone", "phone_e164"),
        ],
        sql` union all `,
      )}
    ), counted as (
      -- How common the very name of the one is that is looked for; a window, because a join would compare
      -- each with each.
      select number, kind, ids, cardinality(ids) as sharing,
             max(cardinality(ids)) filter (where kind = 'name' and main)
               over (partition by number) as own_name_sharing
      from hit
    ), found as (
      select number, contact_id,
             min(sharing) filter (where kind = 'email') as email_sharing,
             min(sharing) filter (where kind = 'phone') as phone_sharing,
             coalesce(min(sharing) filter (where kind = 'name'), min(own_name_sharing)) as name_sharing
      from counted cross join unnest(ids) as contact_id
      where sharing <= ${MAX_SHARING}
      group by number, contact_id
    )
    select found.number, ${sql.join(identityColumns.map((column) => sql.ref(`contacts.${column}`)))},
           coalesce(found.email_sharing, ${MAX_SHARING + 1}) as email_sharing,
           coalesce(found.phone_sharing, ${MAX_SHARING + 1}) as phone_sharing,
           coalesce(found.name_sharing, 1) as name_sharing
    from found
    join crm.contacts on contacts.tenant_id = ${tenant} and contacts.contact_id = found.contact_id
    where ${waitingAfter}::uuid is null or found.contact_id <= ${waitingAfter}::uuid or not exists (
      select from crm.duplicate_queue queue
      where queue.tenant_id = ${tenant} and queue.contact_id = found.contact_id
      -- Or else it would read the whole queue, which may be a million, into a hash table first.
      offset 0)`.execute(db);
  return rows.map((row) => ({
    number: row.number,
    contactId: row.contact_id,
    ownerUserId: row.owner_user_id,
    identity: identityOf(row),
    sharing: { email: row.email_sharing, phone: row.phone_sharing, name: row.name_sharing },
  }));
}

/** What somebody is found by who is added at the same moment; null where it is not looked at. */
export type Held = Pick<Identity, "email" | "phone" | "company" | "lastName">;

/**
 * Holds what identities are found by until the transaction ends, so that of two alike that are added at
 * once the second sees the first. In one order, so that they do not wait for each other.
 */
export async function holdIdentities(
  db: Db,
  tenantId: string,
  identities: readonly Held[],
): Promise<void> {
  const list = (pick: (identity: Held) => string | null) => identities.map(pick);
  await sql`
    select pg_advisory_xact_lock(held.key) from (
      select distinct hashtextextended(${tenantId}::text || '/' || value, 0) as key
      from unnest(
        ${list(({ email }) => email)}::text[], ${list(({ phone }) => phone)}::text[],
        ${list(({ company }) => company)}::text[], ${list(({ lastName }) => lastName)}::text[]
      ) as identity (email, phone, company, last_name)
      cross join lateral (values (email), (phone), (crm.match_at(company, last_name))) as holds (value)
      where value is not null
      order by key
    ) as held`.execute(db);
}

/** Of some contacts the ones that are there, in any order. */
export async function findContacts(
  db: Db,
  tenantId: string,
  ids: readonly string[],
): Promise<Contact[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("crm.contacts")
    .select(contactColumns)
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", sql<string>`any(${ids}::uuid[])`)
    .where("deleted_at", "is", null)
    .execute();
  return rows.map(contactOf);
}

/** Whom a contact is known not to be. */
export async function findDismissed(db: Db, tenantId: string, id: string): Promise<Set<string>> {
  const rows = await db
    .selectFrom("crm.duplicate_dismissals")
    .select(["first_id", "second_id"])
    .where("tenant_id", "=", tenantId)
    .where((eb) => eb.or([eb("first_id", "=", id), eb("second_id", "=", id)]))
    .execute();
  return new Set(rows.map((row) => (row.first_id === id ? row.second_id : row.first_id)));
}

/** Two ids, the smaller first: how a pair is kept. */
export function inOrder(one: string, other: string): { first_id: string; second_id: string } {
  return one < other ? { first_id: one, second_id: other } : { first_id: other, second_id: one };
}

/** Returns whether that is new. */
export async function insertDismissal(
  db: Db,
  tenantId: string,
  ids: readonly [string, string],
  userId: string | null,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("crm.duplicate_dismissals")
    .values({ tenant_id: tenantId, ...inOrder(...ids), dismissed_by: userId })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** The tenants that have contacts in the queue. For a database outside of tenants. */
export async function tenantsWithChanges(db: Db): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from crm.tenants_with_changed_contacts() as id`.execute(db);
  return rows.map(({ id }) => id);
}

/** Whether an import is adding contacts to a tenant, or taking them away. */
export async function isImporting(db: Db, tenantId: string): Promise<boolean> {
  const running = await db
    .selectFrom("crm.imports")
    .select("import_id")
    .where("tenant_id", "=", tenantId)
    .where("status", "in", ["running", "undoing"])
    .limit(1)
    .executeTakeFirst();
  return running !== undefined;
}

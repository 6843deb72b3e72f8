import { type Kysely, sql } from "kysely";
import { rowById } from "../by-id.queries.ts";
import type { DB } from "../tables.gen.ts";
import { contactColumns, contactOf, joinedColumns, rowOf } from "./rows.ts";
import type { Contact, ContactValues, Sort } from "./schema.ts";

type Db = Kysely<DB>;

/** Whose contacts, of which tenant: `ownedBy` null means everybody's. */
export interface Reach {
  readonly tenantId: string;
  readonly ownedBy: string | null;
}

export async function insertContact(
  db: Db,
  tenantId: string,
  id: string,
  values: ContactValues,
): Promise<Contact> {
  const row = await db
    .insertInto("crm.contacts")
    .values({ tenant_id: tenantId, contact_id: id, ...rowOf(values) })
    .returning(contactColumns)
    .executeTakeFirstOrThrow();
  return contactOf(row);
}

export async function findContact(db: Db, reach: Reach, id: string): Promise<Contact | null> {
  const row = await selectContacts(db, reach)
    .where("contacts.contact_id", "=", id)
    .executeTakeFirst();
  return row === undefined ? null : contactOf(row);
}

/** The contact, locked until the transaction ends. */
export async function lockContact(db: Db, reach: Reach, id: string): Promise<Contact | null> {
  const row = await selectContacts(db, reach)
    .where("contacts.contact_id", "=", id)
    .forUpdate()
    .executeTakeFirst();
  return row === undefined ? null : contactOf(row);
}

/** A contact of a list, and what the list has it sorted by. */
export interface Listed {
  readonly contact: Contact;
  readonly key: string;
}

/**
 * In the order of `sort`, one more than `limit`. `filter` is filterJson's, and says also whose;
 * `after` is the last of the page before.
 */
export async function listContacts(
  db: Db,
  tenantId: string,
  filter: string,
  sort: { readonly by: Sort; readonly descending: boolean },
  limit: number,
  after: { readonly key: string; readonly id: string } | undefined,
): Promise<Listed[]> {
  const page = sql<{ contact_id: string; sort_key: string; place: string }>`
    (select * from crm.list_contacts(${filter}::jsonb, ${sort.by}, ${sort.descending}::boolean,
      ${after?.key ?? null}, ${after?.id ?? null}::uuid, ${limit + 1}::integer)
     with ordinality as listed (contact_id, sort_key, place))`;
  const rows = await db
    .selectFrom(page.as("page"))
    .innerJoinLateral(
      rowById("crm.contacts", { tenantId, id: "page.contact_id", as: "contacts" }),
      (join) => join.onTrue(),
    )
    .select(joinedColumns)
    .select("page.sort_key")
    .orderBy("page.place")
    .execute();
  return rows.map((row) => ({ contact: contactOf(row), key: row.sort_key }));
}

/** Also of a deleted contact. */
export async function updateContact(
  db: Db,
  tenantId: string,
  id: string,
  values: ContactValues,
): Promise<Contact> {
  const row = await db
    .updateTable("crm.contacts")
    .set({ ...rowOf(values), ...touched })
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", id)
    .returning(contactColumns)
    .executeTakeFirstOrThrow();
  return contactOf(row);
}

export async function markContactDeleted(db: Db, tenantId: string, id: string): Promise<void> {
  await db
    .updateTable("crm.contacts")
    .set({ deleted_at: sql<Date>`now()`, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", id)
    .execute();
}

export async function unmarkContactDeleted(db: Db, tenantId: string, id: string): Promise<Contact> {
  const row = await db
    .updateTable("crm.contacts")
    .set({ deleted_at: null, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", id)
    .returning(contactColumns)
    .executeTakeFirstOrThrow();
  return contactOf(row);
}

/** A contact, be it deleted or not; a merged one is deleted too. */
export interface KeptContact {
  readonly contact: Contact;
  readonly deleted: boolean;
  readonly mergedInto: string | null;
}

/** The contact, also if it is deleted or merged, locked until the transaction ends. */
export async function lockKeptContact(
  db: Db,
  reach: Reach,
  id: string,
): Promise<KeptContact | null> {
  return (await lockKeptContacts(db, reach, [id])).get(id) ?? null;
}

/** Those that are within reach, by id. In one order, so that who locks several waits for nobody in a ring. */
export async function lockKeptContacts(
  db: Db,
  { tenantId, ownedBy }: Reach,
  ids: readonly string[],
): Promise<Map<string, KeptContact>> {
  const rows = await db
    .selectFrom("crm.contacts")
    .select([...contactColumns, "deleted_at", "merged_into"])
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", sql<string>`any(${ids}::uuid[])`)
    .$if(ownedBy !== null, (query) => query.where("owner_user_id", "=", ownedBy))
    .orderBy("contact_id")
    .forUpdate()
    .execute();
  return new Map(
    rows.map((row) => [
      row.contact_id,
      {
        contact: contactOf(row),
        deleted: row.deleted_at !== null,
        mergedInto: row.merged_into,
      },
    ]),
  );
}

/** Who answers in place of a merged contact, by now: what it was merged into may be merged itself. */
export async function findSuccessorId(
  db: Db,
  tenantId: string,
  id: string,
): Promise<string | null> {
  const { rows } = await successorId(tenantId, id).execute(db);
  return rows[0]?.contact_id ?? null;
}

function successorId(tenantId: string, id: string) {
  return sql<{ contact_id: string }>`
    with recursive chain as (
      select contact_id, merged_into from crm.contacts
      where tenant_id = ${tenantId}::uuid and contact_id = ${id}::uuid and merged_into is not null
      union
      select next.contact_id, next.merged_into
      from chain join crm.contacts next
        on next.tenant_id = ${tenantId}::uuid and next.contact_id = chain.merged_into
    )
    select contact_id from chain where merged_into is null`;
}

/**
 * The contact that answers in place of a merged one, if that is there and within reach. In one statement: between
 * two it may have been merged itself.
 */
export async function findSuccessor(db: Db, reach: Reach, id: string): Promise<Contact | null> {
  const row = await selectContacts(db, reach)
    .where("contacts.contact_id", "=", sql<string>`(${successorId(reach.tenantId, id)})`)
    .executeTakeFirst();
  return row === undefined ? null : contactOf(row);
}

/** The contact, or the one that it is part of. */
export async function findContactOrSuccessor(
  db: Db,
  reach: Reach,
  id: string,
): Promise<Contact | null> {
  return (await findContact(db, reach, id)) ?? (await findSuccessor(db, reach, id));
}

/**
 * What any change of a contact or an interaction sets besides. The time is the clock's and not the
 * transaction's, which may have begun before that of the former change: whoever asks for what was changed
 * since must not miss it.
 */
export const touched = {
  version: sql<number>`version + 1`,
  updated_at: sql<Date>`greatest(clock_timestamp(), updated_at)`,
};

/** The contacts that are there (not deleted) and within reach. */
function selectContacts(db: Db, { tenantId, ownedBy }: Reach) {
  return db
    .selectFrom("crm.contacts as contacts")
    .select(joinedColumns)
    .where("contacts.tenant_id", "=", tenantId)
    .where("contacts.deleted_at", "is", null)
    .$if(ownedBy !== null, (query) => query.where("contacts.owner_user_id", "=", ownedBy));
}

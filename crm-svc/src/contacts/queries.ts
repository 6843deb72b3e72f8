import { type Kysely, sql } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { DB } from "../tables.gen.ts";
import type { Contact, ContactHit, ContactValues } from "./schema.ts";

type Db = Kysely<DB>;

const columns = [
  "contact_id",
  "first_name",
  "last_name",
  "email",
  "phone",
  "company",
  "title",
  "website",
  "address_street",
  "address_city",
  "address_region",
  "address_postal_code",
  "address_country",
  "tags",
  "source",
  "lifecycle_stage",
  "owner_user_id",
  "version",
  "created_at",
  "updated_at",
] as const;

/** The same for a query that joins other tables. */
const joinedColumns = columns.map((column) => `contacts.${column}` as const);

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
    .returning(columns)
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

/** Newest first, one more than `limit`; `after` is the last row of the page before. */
export async function listContacts(
  db: Db,
  reach: Reach,
  limit: number,
  after: { readonly createdAt: string; readonly id: string } | undefined,
): Promise<Contact[]> {
  let query = selectContacts(db, reach)
    .orderBy("contacts.created_at", "desc")
    .orderBy("contacts.contact_id", "desc")
    .limit(limit + 1);
  if (after !== undefined) {
    query = query.where(
      sql<boolean>`(contacts.created_at, contacts.contact_id)
        < (${after.createdAt}::timestamptz, ${after.id}::uuid)`,
    );
  }
  return (await query.execute()).map(contactOf);
}

/**
 * The contacts that have all the words, best first, one more than `limit`; `after` is the last row
 * of the page before. Of the words only letters and digits may be left: see queryWords.
 */
export async function searchContacts(
  db: Db,
  reach: Reach,
  words: readonly string[],
  limit: number,
  after: { readonly score: number; readonly id: string } | undefined,
): Promise<ContactHit[]> {
  const whole = (operator: string) => tsquery(words.map((word) => `'${word}'`).join(operator));
  const begun = (operator: string) => tsquery(words.map((word) => `'${word}':*`).join(operator));
  const found = sql<{ contact_id: string; score: number }>`
    crm.search_contacts(${whole(" & ")}, ${begun(" & ")}, ${reach.ownedBy}::uuid,
      ${after?.score ?? null}::float8, ${after?.id ?? null}::uuid, ${limit + 1}::integer)`;
  const rows = await selectContacts(db, reach)
    .innerJoin(found.as("found"), "found.contact_id", "contacts.contact_id")
    .select("found.score")
    .select((eb) =>
      jsonArrayFrom(
        eb
          .selectFrom(searchedFields.as<"fields">("fields"))
          .select("fields.field")
          .select(
            sql<"exact" | "prefix">`
              case when crm.words(fields.content) @@ ${whole(" | ")} then 'exact' else 'prefix' end`.as(
              "how",
            ),
          )
          .where(sql<boolean>`crm.words(fields.content) @@ ${begun(" | ")}`),
      ).as("matched"),
    )
    .orderBy("found.score", "desc")
    .orderBy("found.contact_id", "desc")
    .execute();
  return rows.map((row) => ({ ...contactOf(row), score: row.score, matched: row.matched }));
}

/** The fields that `contacts.search` is made of. */
const searchedFields = sql<{ field: string; content: string }>`
  (select * from (values
    ('firstName', contacts.first_name), ('lastName', contacts.last_name),
    ('company', contacts.company), ('email', contacts.email), ('title', contacts.title),
    ('phone', contacts.phone), ('address.city', contacts.address_city)
  ) as searched (field, content))`;

function tsquery(text: string) {
  return sql`to_tsquery('crm.names', ${text})`;
}

/**
 * Holds an e-mail address until the transaction ends, so that of two contacts with the same one that
 * are added at once, the second sees the first.
 */
export async function holdEmail(db: Db, tenantId: string, email: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`${tenantId}/${email}`}, 0))`.execute(
    db,
  );
}

/** At most ten contacts, whoever owns them, that bear the e-mail address. */
export async function findIdsByEmail(db: Db, tenantId: string, email: string): Promise<string[]> {
  const rows = await db
    .selectFrom("crm.contacts")
    .select("contact_id")
    .where("tenant_id", "=", tenantId)
    .where("email", "=", email)
    .where("deleted_at", "is", null)
    .orderBy("contact_id")
    .limit(10)
    .execute();
  return rows.map((row) => row.contact_id);
}

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
    .returning(columns)
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

const touched = { version: sql<number>`version + 1`, updated_at: sql<Date>`now()` };

/** The contacts that are there (not deleted) and within reach. */
function selectContacts(db: Db, { tenantId, ownedBy }: Reach) {
  return db
    .selectFrom("crm.contacts as contacts")
    .select(joinedColumns)
    .where("contacts.tenant_id", "=", tenantId)
    .where("contacts.deleted_at", "is", null)
    .$if(ownedBy !== null, (query) => query.where("contacts.owner_user_id", "=", ownedBy));
}

function rowOf(values: ContactValues) {
  const { address } = values;
  return {
    first_name: values.firstName,
    last_name: values.lastName,
    email: values.email,
    phone: values.phone,
    company: values.company,
    title: values.title,
    website: values.website,
    address_street: address?.street ?? null,
    address_city: address?.city ?? null,
    address_region: address?.region ?? null,
    address_postal_code: address?.postalCode ?? null,
    address_country: address?.country ?? null,
    tags: values.tags,
    source: values.source,
    lifecycle_stage: values.lifecycleStage,
    owner_user_id: values.ownerUserId,
  };
}

interface ContactRow {
  readonly contact_id: string;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly company: string | null;
  readonly title: string | null;
  readonly website: string | null;
  readonly address_street: string | null;
  readonly address_city: string | null;
  readonly address_region: string | null;
  readonly address_postal_code: string | null;
  readonly address_country: string | null;
  readonly tags: string[];
  readonly source: string | null;
  readonly lifecycle_stage: string;
  readonly owner_user_id: string | null;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** The stage is the table's CHECK, which the types cannot see. */
function contactOf(row: ContactRow): Contact {
  const address = {
    street: row.address_street,
    city: row.address_city,
    region: row.address_region,
    postalCode: row.address_postal_code,
    country: row.address_country,
  };
  return {
    id: row.contact_id,
    firstName: row.first_name,
    lastName: row.last_name,
    email: row.email,
    phone: row.phone,
    company: row.company,
    title: row.title,
    website: row.website,
    address: Object.values(address).some((part) => part !== null) ? address : null,
    tags: row.tags,
    source: row.source,
    lifecycleStage: row.lifecycle_stage as Contact["lifecycleStage"],
    ownerUserId: row.owner_user_id,
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

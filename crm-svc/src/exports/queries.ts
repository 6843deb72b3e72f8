import { type Kysely, type RawBuilder, sql } from "kysely";
import type { ContactField } from "../contact-fields/schema.ts";
import { EXPORT_COLUMNS, type ExportColumn } from "../csv/write.ts";
import type { DB } from "../tables.gen.ts";

/** The values of the columns; of a phone, what was entered: an import makes the same number of it. */
const TEXTS: Readonly<Record<ExportColumn, RawBuilder<string | null>>> = {
  id: sql`contacts.contact_id::text`,
  firstName: sql`contacts.first_name`,
  lastName: sql`contacts.last_name`,
  email: sql`contacts.email`,
  phone: sql`coalesce(contacts.phone, contacts.phone_e164)`,
  company: sql`contacts.company`,
  title: sql`contacts.title`,
  website: sql`contacts.website`,
  "address.street": sql`contacts.address_street`,
  "address.city": sql`contacts.address_city`,
  "address.region": sql`contacts.address_region`,
  "address.postalCode": sql`contacts.address_postal_code`,
  "address.country": sql`contacts.address_country`,
  // Most have none, and the call costs as much as all the other cells.
  tags: sql`case when contacts.tags <> '{}' then crm.csv_list(contacts.tags) end`,
  source: sql`contacts.source`,
  lifecycleStage: sql`contacts.lifecycle_stage`,
  ownerUserId: sql`contacts.owner_user_id::text`,
};

/** In UTC; nothing in it would have to be quoted. */
const time = (column: "created_at" | "updated_at") =>
  sql<string>`to_char(contacts.${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

export interface ExportPage {
  readonly lines: string;
  readonly rows: number;
  /** Of the last contact. */
  readonly key: string;
  readonly id: string;
}

/**
 * Up to `limit` contacts as lines of CSV under `headerLine`, newest first, behind the last of the page
 * before. Null if there are none. `filter` is filterJson's, and says also whose.
 */
export async function contactLines(
  db: Kysely<DB>,
  tenantId: string,
  filter: string,
  fields: readonly Pick<ContactField, "name">[],
  limit: number,
  after: Pick<ExportPage, "key" | "id"> | null,
): Promise<ExportPage | null> {
  const cells = [
    ...EXPORT_COLUMNS.map((column) => sql`crm.csv_cell(${TEXTS[column]})`),
    ...fields.map(({ name }) => sql`crm.csv_cell(crm.csv_value(contacts.custom -> ${name}::text))`),
    time("created_at"),
    time("updated_at"),
  ];
  const { rows } = await sql<{ lines: string | null } & Omit<ExportPage, "lines">>`
    select
      string_agg(${sql.join(cells, sql` || ',' || `)} || E'\r\n', '' order by page.place) as lines,
      count(*)::integer as rows,
      (array_agg(page.sort_key order by page.place desc))[1] as key,
      (array_agg(page.contact_id order by page.place desc))[1] as id
    from crm.list_contacts(${filter}::jsonb, 'createdAt', true, ${after?.key ?? null},
        ${after?.id ?? null}::uuid, ${limit}::integer)
      with ordinality as page (contact_id, sort_key, place)
    join crm.contacts as contacts
      on contacts.tenant_id = ${tenantId}::uuid and contacts.contact_id = page.contact_id`.execute(
    db,
  );
  const [page] = rows;
  if (page === undefined || page.lines === null) return null;
  return { ...page, lines: page.lines };
}

import type { Contact, ContactValues } from "./schema.ts";

/** What of crm.contacts a contact is made of. */
export const contactColumns = [
  "contact_id",
  "first_name",
  "last_name",
  "email",
  "phone",
  "phone_e164",
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
  "custom",
  "version",
  "created_at",
  "updated_at",
] as const;

/** The same for a query that joins other tables. */
export const joinedColumns = contactColumns.map((column) => `contacts.${column}` as const);

/** As the table's CHECK has it. */
const E164 = /^\+[1-9][0-9]{1,14}$/;

/** What a row holds of a contact; `search` and the keys it is found by follow by themselves. */
export function rowOf(values: ContactValues) {
  const { address, phone } = values;
  return {
    first_name: values.firstName,
    last_name: values.lastName,
    email: values.email,
    phone: values.phoneOriginal,
    phone_e164: phone !== null && E164.test(phone) ? phone : null,
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
    custom: JSON.stringify(values.custom),
  };
}

export interface ContactRow {
  readonly contact_id: string;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly phone_e164: string | null;
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
  readonly custom: unknown;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** The stage, and that `custom` is an object, are the table's CHECKs, which the types cannot see. */
export function contactOf(row: ContactRow): Contact {
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
    phone: row.phone_e164 ?? row.phone,
    phoneOriginal: row.phone,
    company: row.company,
    title: row.title,
    website: row.website,
    address: Object.values(address).some((part) => part !== null) ? address : null,
    tags: row.tags,
    source: row.source,
    lifecycleStage: row.lifecycle_stage as Contact["lifecycleStage"],
    ownerUserId: row.owner_user_id,
    custom: row.custom as Contact["custom"],
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

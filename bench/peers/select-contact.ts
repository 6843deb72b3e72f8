/** What crm-svc asks PostgreSQL for when it is asked for a contact (its `findContact`). */
export const SELECT_CONTACT = `
  select contact_id, first_name, last_name, email, phone, company, title, website, address_street,
    address_city, address_region, address_postal_code, address_country, tags, source,
    lifecycle_stage, owner_user_id, version, created_at, updated_at
  from crm.contacts
  where tenant_id = $1 and deleted_at is null and contact_id = $2`;

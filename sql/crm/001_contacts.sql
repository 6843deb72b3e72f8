-- Whom a company knows: contacts, and how they are found.
-- Stands on `identity`: tenants, users, current_tenant() and keep_tenants_apart() are there.

create extension if not exists unaccent with schema public;
create extension if not exists btree_gin with schema public;

grant usage on schema crm to crm_app;

-- Words as they stand, lower-cased and without accents: no dictionary decides what a name is, and a
-- name in any script is found.
create text search configuration crm.names (copy = pg_catalog.simple);
alter text search configuration crm.names
  alter mapping for asciiword, word, numword, asciihword, hword, numhword,
                    hword_asciipart, hword_part, hword_numpart, email, url, url_path, host, file,
                    int, uint, float, sfloat, version
  with public.unaccent, pg_catalog.simple;

-- The words of a text, all of one kind. ASCII punctuation becomes space first, because the parser would
-- otherwise make one word of an e-mail address or a host name, and nobody types all of it. So do the
-- characters without width, which nobody types either. All other punctuation separates words anyway;
-- combining marks must stay: to [:alnum:] they are none, and half the words of Hindi would fall apart.
create function crm.words(content text) returns tsvector
  language sql immutable parallel safe
  return to_tsvector('crm.names', regexp_replace(coalesce(content, ''),
    '[\u0001-/:-@\[-`{-\u007F\u00AD\u200B-\u200F\u2060-\u206F\uFEFF]+', ' ', 'g'));

create table crm.contacts (
  tenant_id           uuid not null references identity.tenants,
  contact_id          uuid not null,
  first_name          text check (char_length(first_name) between 1 and 100),
  last_name           text check (char_length(last_name) between 1 and 100),
  email               text check (email = lower(email) and char_length(email) between 3 and 254),
  phone               text check (char_length(phone) between 1 and 50),
  company             text check (char_length(company) between 1 and 200),
  title               text check (char_length(title) between 1 and 200),
  website             text check (char_length(website) between 1 and 500),
  address_street      text check (char_length(address_street) between 1 and 200),
  address_city        text check (char_length(address_city) between 1 and 100),
  address_region      text check (char_length(address_region) between 1 and 100),
  address_postal_code text check (char_length(address_postal_code) between 1 and 20),
  address_country     text check (address_country ~ '^[A-Z]{2}$'),
  tags                text[] not null default '{}' check (cardinality(tags) <= 50),
  source              text check (char_length(source) between 1 and 100),
  lifecycle_stage     text not null default 'lead' check (lifecycle_stage in
                        ('subscriber', 'lead', 'qualified', 'opportunity', 'customer', 'former', 'other')),
  owner_user_id       uuid,
  version             integer not null default 1,
  created_at          timestamptz(3) not null default now(),
  updated_at          timestamptz(3) not null default now(),
  deleted_at          timestamptz(3),
  search              tsvector not null generated always as (
                        setweight(crm.words(first_name), 'A')
                        || setweight(crm.words(last_name), 'A')
                        || setweight(crm.words(company), 'B')
                        || setweight(crm.words(email), 'B')
                        || setweight(crm.words(title), 'C')
                        || setweight(crm.words(phone), 'C')
                        || setweight(crm.words(address_city), 'D')
                      ) stored,
  primary key (tenant_id, contact_id),
  foreign key (tenant_id, owner_user_id) references identity.users,
  constraint contacts_named check (coalesce(first_name, last_name, email, company) is not null)
);
comment on table crm.contacts is 'A person or an office that a tenant knows. Deleted softly.';
comment on column crm.contacts.search is 'Weights: A name, B company and e-mail, C title and phone, D city.';
call identity.keep_tenants_apart('crm.contacts', 'select, insert, update');

-- Without fastupdate: a search would have to read all that was written since the last vacuum besides
-- the index, and the planner would rather read all of the tenant's rows instead.
create index contacts_search on crm.contacts using gin (tenant_id, search)
  with (fastupdate = off) where deleted_at is null;
create index contacts_by_email on crm.contacts (tenant_id, email) where deleted_at is null;
create index contacts_by_creation on crm.contacts (tenant_id, created_at desc, contact_id desc)
  where deleted_at is null;

-- Contacts that have all the words (the last letters of each may be missing), best first.
--
-- A function of the owner's, because `@@` is not leakproof: under the table's policy the planner
-- would read every row of the tenant instead of the index. So the tenant is named in here, only ids
-- and ranks come out, and the caller joins them to the table under its policy.
--
-- Whole words rank above beginnings by one; after_* continue a page, in the order of the result.
create function crm.search_contacts(
  whole_words tsquery, beginnings tsquery, owned_by uuid,
  after_score float8, after_id uuid, most integer
) returns table (contact_id uuid, score float8)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  select found.contact_id, found.score
  from (
    select c.contact_id,
           round((ts_rank(c.search, beginnings)
                  + case when c.search @@ whole_words then 1 else 0 end)::numeric, 6)::float8 as score
    from crm.contacts c
    where c.tenant_id = identity.current_tenant()
      and c.deleted_at is null
      and c.search @@ beginnings
      and (owned_by is null or c.owner_user_id = owned_by)
  ) found
  where after_id is null or (found.score, found.contact_id) < (after_score, after_id)
  order by found.score desc, found.contact_id desc
  limit most;
end;
revoke all on function crm.search_contacts(tsquery, tsquery, uuid, float8, uuid, integer) from public;
grant execute on function crm.search_contacts(tsquery, tsquery, uuid, float8, uuid, integer) to crm_app;

create table crm.audit_log (
  tenant_id   uuid not null references identity.tenants,
  audit_id    uuid not null,
  occurred_at timestamptz(3) not null default now(),
  actor_id    uuid,
  request_id  text not null,
  entity      text not null,
  entity_id   uuid not null,
  action      text not null,
  before      jsonb,
  after       jsonb,
  primary key (tenant_id, audit_id)
);
comment on table crm.audit_log is
  'What was changed, by whom and in which request; written in the same transaction. Append only: '
  'crm_app may neither update nor delete.';
comment on column crm.audit_log.actor_id is 'The user; null for what the service did by itself.';
call identity.keep_tenants_apart('crm.audit_log', 'select, insert');
create index audit_log_of_entity on crm.audit_log (tenant_id, entity, entity_id, audit_id);

create table crm.idempotency_keys (
  tenant_id    uuid not null references identity.tenants,
  actor_id     uuid not null,
  key          text not null check (char_length(key) between 1 and 255),
  request_hash bytea not null,
  response     text not null,
  created_at   timestamptz(3) not null default now(),
  primary key (tenant_id, actor_id, key)
);
comment on table crm.idempotency_keys is
  'Answers already given, kept for 24 hours, so that a repeated request gets the same answer.';
call identity.keep_tenants_apart('crm.idempotency_keys', 'select, insert, delete');
create index idempotency_keys_by_age on crm.idempotency_keys (tenant_id, created_at);

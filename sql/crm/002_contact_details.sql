-- What a contact holds besides: the number that its phone stands for, a company's own fields, and
-- where it went when it was merged.

alter table crm.contacts
  add column phone_e164 text check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  add column custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object'),
  add column merged_into uuid,
  add foreign key (tenant_id, merged_into) references crm.contacts,
  add constraint contacts_merged_are_deleted check (merged_into is null or deleted_at is not null);
comment on column crm.contacts.phone is 'As it was entered.';
comment on column crm.contacts.phone_e164 is 'The number that `phone` stands for (E.164); null if it is none.';
comment on column crm.contacts.custom is 'Values of the fields in crm.contact_fields, by their names.';
comment on column crm.contacts.merged_into is 'The contact that answers in place of this one.';
create index contacts_merged_into on crm.contacts (tenant_id, merged_into) where merged_into is not null;

create table crm.contact_fields (
  tenant_id  uuid primary key references identity.tenants,
  fields     jsonb not null check (jsonb_typeof(fields) = 'array'),
  version    integer not null,
  updated_at timestamptz(3) not null default now()
);
comment on table crm.contact_fields is
  'The fields that a tenant has given its contacts, in their order. Without a row there are none.';
comment on column crm.contact_fields.version is 'Counts from 1, which is the version without a row.';
call identity.keep_tenants_apart('crm.contact_fields', 'select, insert, update');

-- A text without case and accents: `Café Zoë` is `cafe zoe`. Declared immutable, which unaccent is as
-- long as its dictionary stays, so that it can be indexed.
create function crm.folded(content text) returns text
  language sql immutable strict parallel safe
  return lower(public.unaccent('public.unaccent', normalize(content)));

-- What contacts are sorted by. Cut off, because an entry of an index has at most 2,700 bytes, and a
-- cursor at most 1,000. `without` is the key of those without a company: they come last either way. They
-- may be many, and have little in common with the others; to walk through them first took seconds where
-- a filter lets none of them through (one million contacts, a fifth without a company).
create function crm.name_key(first_name text, last_name text, company text, email text) returns text
  language sql immutable parallel safe
  return left(crm.folded(coalesce(last_name || ' ' || first_name, last_name, first_name, company, email)), 100);
create function crm.company_key(company text, without text) returns text
  language sql immutable parallel safe
  return coalesce(left(crm.folded(company), 100), without);

-- Every order that the list has. By code points: the same on every machine, whatever its locales.
create index contacts_by_update on crm.contacts (tenant_id, updated_at, contact_id)
  where deleted_at is null;
create index contacts_by_name on crm.contacts
  (tenant_id, (crm.name_key(first_name, last_name, company, email) collate "C"), contact_id)
  where deleted_at is null;
create index contacts_by_company on crm.contacts
  (tenant_id, (crm.company_key(company, U&'\+10FFFF') collate "C"), contact_id)
  where deleted_at is null;
create index contacts_by_company_descending on crm.contacts
  (tenant_id, (crm.company_key(company, '') collate "C"), contact_id)
  where deleted_at is null;
create index contacts_by_owner on crm.contacts (tenant_id, owner_user_id, created_at, contact_id)
  where deleted_at is null;
-- What few contacts have is found here; what many have, on the way through one of the orders.
create index contacts_by_facets on crm.contacts using gin
  (tenant_id, tags, custom jsonb_path_ops, lifecycle_stage, source, address_country)
  with (fastupdate = off) where deleted_at is null;
create index contacts_deleted_by_creation on crm.contacts (tenant_id, created_at, contact_id)
  where deleted_at is not null and merged_into is null;
create index contacts_deleted_by_update on crm.contacts (tenant_id, updated_at, contact_id)
  where deleted_at is not null and merged_into is null;

-- The texts of a JSON array. Immutable, so that the planner knows them and what they cost to find.
create function crm.texts(list jsonb) returns text[]
  language sql immutable strict parallel safe
  return array(select jsonb_array_elements_text(list));

-- The filters of contacts, once for the list, the search and the export: the conditions of a WHERE on
-- crm.contacts c, to be run with the filter itself as $1, by a function of the owner's. They are made
-- of nothing but the words that stand here: whatever a client sent is read out of $1 when they run.
-- They say whose contacts (the session's tenant's; those of `ownedBy`), too, and whether deleted ones.
create function crm.contact_conditions(filter jsonb) returns text
  language sql immutable parallel safe
  return concat_ws(' and ',
    'c.tenant_id = identity.current_tenant()',
    case when filter ? 'deleted'
      then 'c.deleted_at is not null and c.merged_into is null' else 'c.deleted_at is null' end,
    case when filter ? 'ownedBy' then $$c.owner_user_id = ($1->>'ownedBy')::uuid$$ end,
    case when filter->>'ownerUserId' = 'none' then 'c.owner_user_id is null'
         when filter ? 'ownerUserId' then $$c.owner_user_id = ($1->>'ownerUserId')::uuid$$ end,
    case when filter ? 'tag' then $$c.tags @> crm.texts($1->'tag')$$ end,
    case when filter ? 'company' then
      $$crm.company_key(c.company, '') collate "C" = crm.company_key($1->>'company', '')
        and crm.folded(c.company) = crm.folded($1->>'company')$$ end,
    case when filter ? 'lifecycleStage'
      then $$c.lifecycle_stage = any (crm.texts($1->'lifecycleStage'))$$ end,
    case when filter ? 'source' then $$c.source = $1->>'source'$$ end,
    case when filter ? 'email' then $$c.email = $1->>'email'$$ end,
    case when filter ? 'phone' then $$c.phone_e164 = $1->>'phone'$$ end,
    case when filter ? 'country' then $$c.address_country = $1->>'country'$$ end,
    case when filter ? 'createdFrom' then $$c.created_at >= ($1->>'createdFrom')::timestamptz$$ end,
    case when filter ? 'createdTo' then $$c.created_at < ($1->>'createdTo')::timestamptz$$ end,
    case when filter ? 'updatedFrom' then $$c.updated_at >= ($1->>'updatedFrom')::timestamptz$$ end,
    case when filter ? 'updatedTo' then $$c.updated_at < ($1->>'updatedTo')::timestamptz$$ end,
    case when filter ? 'custom' then $$c.custom @> ($1->'custom')$$ end
  );

-- A page of the list: ids and what they are sorted by, in their order. `after_*` continue it.
--
-- A function of the owner's: what finds tags and custom fields (`@>`) is not leakproof, so under the
-- table's policy it could use no index. Each filter has a plan of its own, made for its values: one
-- for all could not know whether half of the contacts have a tag or three.
--
-- Nor is that guessed: the planner cannot tell one custom value in a thousand from one in a hundred, and
-- then walks through a million contacts in their order for a page of none (seconds). So up to 2,000 are
-- counted first (some milliseconds). If there are no more, they are found by the filter and sorted.
create function crm.list_contacts(
  filter jsonb, sort text, descending boolean, after_key text, after_id uuid, most integer
) returns table (contact_id uuid, sort_key text)
  language plpgsql stable rows 100 security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  key text := case sort
    when 'createdAt' then 'c.created_at'
    when 'updatedAt' then 'c.updated_at'
    when 'name' then 'crm.name_key(c.first_name, c.last_name, c.company, c.email) collate "C"'
    when 'company' then case
      when descending then 'crm.company_key(c.company, '''') collate "C"'
      else 'crm.company_key(c.company, U&''\+10FFFF'') collate "C"' end
  end;
  position text := case when sort in ('createdAt', 'updatedAt') then '$2::timestamptz' else '$2' end;
  direction text := case when descending then 'desc' else 'asc' end;
  further text := case when descending then '<' else '>' end;
  candidates text := 'from crm.contacts c where ' || crm.contact_conditions(filter);
  few boolean := false;
begin
  if filter - 'deleted' <> '{}' then
    execute 'select count(*) <= 2000 from (select ' || candidates || ' limit 2001) found'
      into few using filter;
  end if;
  -- Nothing outside of `offset 0` has a say in how what is inside is found.
  return query execute
    'select c.contact_id, (' || key || ')::text '
      || case when few then format('from (select * %s offset 0) c where true', candidates)
              else candidates end
      || case when after_id is null then ''
              else format(' and (%s, c.contact_id) %s (%s, $3)', key, further, position) end
      || format(' order by %s %s, c.contact_id %s limit $4', key, direction, direction)
    using filter, after_key, after_id, most;
end
$$;
revoke all on function crm.list_contacts(jsonb, text, boolean, text, uuid, integer) from public;
grant execute on function crm.list_contacts(jsonb, text, boolean, text, uuid, integer) to crm_app;

-- Whatever the audit log is filtered by, its pages are in the order of time.
create index audit_log_by_time on crm.audit_log (tenant_id, occurred_at desc, audit_id desc);
create index audit_log_by_entity on crm.audit_log
  (tenant_id, entity, occurred_at desc, audit_id desc);
create index audit_log_by_actor on crm.audit_log
  (tenant_id, actor_id, occurred_at desc, audit_id desc);
create index audit_log_by_action on crm.audit_log
  (tenant_id, action, occurred_at desc, audit_id desc);

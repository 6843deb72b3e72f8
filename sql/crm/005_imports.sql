-- Contacts out of files: what was uploaded, how far it is, what it did, and what takes it back.

create table crm.imports (
  tenant_id    uuid not null references identity.tenants,
  import_id    uuid not null,
  status       text not null check (status in
                 ('uploading', 'queued', 'running', 'done', 'cancelled', 'failed', 'undoing', 'undone')),
  mode         text not null check (mode in ('skip', 'update', 'create')),
  dry_run      boolean not null,
  file_name    text check (char_length(file_name) between 1 and 255),
  mapping      jsonb not null check (jsonb_typeof(mapping) = 'object'),
  created_by   uuid not null,
  owner_id     uuid,
  owned_by     uuid,
  rows_total   integer,
  rows_read    integer not null default 0,
  created      integer not null default 0,
  updated      integer not null default 0,
  skipped      integer not null default 0,
  failed       integer not null default 0,
  removed      integer not null default 0,
  restored     integer not null default 0,
  kept         integer not null default 0,
  working_ms   integer not null default 0,
  preview      jsonb not null default '[]' check (jsonb_typeof(preview) = 'array'),
  created_at   timestamptz(3) not null default now(),
  touched_at   timestamptz(3) not null default now(),
  started_at   timestamptz(3),
  finished_at  timestamptz(3),
  primary key (tenant_id, import_id),
  foreign key (tenant_id, owner_id) references identity.users
);
comment on table crm.imports is 'A file of contacts that was uploaded, and how far it has been worked through.';
comment on column crm.imports.mapping is 'The headers, and which of them are which field.';
comment on column crm.imports.created_by is 'The user, or the API key.';
comment on column crm.imports.owner_id is 'Who owns the contacts that it makes, where the file does not say.';
comment on column crm.imports.owned_by is 'The user whose contacts alone it may touch; null where it may touch all.';
comment on column crm.imports.removed is 'By its undoing: contacts that it had made, and that are deleted now.';
comment on column crm.imports.restored is 'By its undoing: contacts that have their former values again.';
comment on column crm.imports.kept is 'By its undoing: contacts that somebody had changed since.';
comment on column crm.imports.working_ms is 'Time spent on the rows that were read; waiting does not count.';
comment on column crm.imports.touched_at is 'When it last got further.';
call identity.keep_tenants_apart('crm.imports', 'select, insert, update, delete');
create index imports_unfinished on crm.imports (tenant_id, import_id)
  where status in ('queued', 'running', 'undoing');
create index imports_uploading on crm.imports (touched_at) where status = 'uploading';

-- Rows of a file by the hundred. One row here for each of the file would cost more than the rest of the
-- upload (and COPY, which would be the way then, is refused on a table with a policy): packed, they need
-- no way around it. Their numbers are the import's position: what is here is still to be done.
create table crm.import_batches (
  tenant_id uuid not null,
  import_id uuid not null,
  batch     integer not null,
  records   text not null,
  primary key (tenant_id, import_id, batch),
  foreign key (tenant_id, import_id) references crm.imports on delete cascade
);
comment on table crm.import_batches is 'Rows of an uploaded file that are yet to be worked through, in JSON.';
comment on column crm.import_batches.records is 'Of each row its line and its cells.';
call identity.keep_tenants_apart('crm.import_batches', 'select, insert, delete');

create table crm.import_results (
  tenant_id  uuid not null,
  import_id  uuid not null,
  contact_id uuid not null,
  line       integer not null,
  before     jsonb check (jsonb_typeof(before) = 'object'),
  version    integer not null,
  primary key (tenant_id, import_id, contact_id),
  foreign key (tenant_id, import_id) references crm.imports on delete cascade
);
comment on table crm.import_results is 'The contacts that an import has made or changed; an undoing takes them out again.';
comment on column crm.import_results.before is 'The former values of what it changed; null if it made the contact.';
comment on column crm.import_results.version is
  'The contact''s, as the import has left it: with another one, somebody has changed it since.';
call identity.keep_tenants_apart('crm.import_results', 'select, insert, update, delete');

create table crm.import_errors (
  tenant_id uuid not null,
  import_id uuid not null,
  line      integer not null,
  place     integer not null,
  field     text,
  value     text,
  reason    text not null,
  primary key (tenant_id, import_id, line, place),
  foreign key (tenant_id, import_id) references crm.imports on delete cascade
);
comment on table crm.import_errors is 'Rows that an import, or its undoing, has left out, and why.';
comment on column crm.import_errors.field is 'The column''s header; null where it is about the whole row.';
call identity.keep_tenants_apart('crm.import_errors', 'select, insert');

create table crm.import_keys (
  tenant_id uuid not null,
  import_id uuid not null,
  key_hash  bigint not null,
  primary key (tenant_id, import_id, key_hash),
  foreign key (tenant_id, import_id) references crm.imports on delete cascade
);
comment on table crm.import_keys is
  'By what contacts would be recognised that a dry run would have made. Gone when it is done.';
call identity.keep_tenants_apart('crm.import_keys', 'select, insert, delete');

-- The contacts that rows of a file stand for, and by what each row is recognised within the file.
--
-- By the id of an export of ours; else by the e-mail address; else, of a row that has none, by phone
-- and name; else, of one that has no phone either, by name and company. Names and companies count without
-- accents and case. Of several contacts it is the oldest.
--
-- A function of the owner's: under the policy, what folds names could not use an index. The oldest comes
-- out of an aggregate, not of ORDER BY and LIMIT, for which the planner would rather read the tenant's
-- contacts in the order of their ids.
create function crm.match_import_rows(given jsonb)
returns table (place integer, phone_key text, name_key text, contact_id uuid)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  set jit = off
begin atomic
  with rows as materialized (
    select r.place, r.id, r.email, r.phone,
           crm.name_key(r.first_name, r.last_name, r.company, r.email) as name_key,
           coalesce(crm.folded(r.first_name), '') as first_name,
           coalesce(crm.folded(r.last_name), '') as last_name,
           coalesce(crm.folded(r.company), '') as company
    from jsonb_to_recordset(given) as r
      (place integer, id uuid, email text, phone text, first_name text, last_name text, company text)
  )
  select r.place,
         r.phone || E'\n' || r.first_name || E'\n' || r.last_name
           || case when r.first_name || r.last_name = '' then E'\n' || r.company else '' end,
         r.first_name || E'\n' || r.last_name || E'\n' || r.company,
         coalesce(by_id.contact_id, by_email.contact_id, by_phone.contact_id, by_name.contact_id)
  from rows r
  left join lateral (
    select c.contact_id from crm.contacts c
    where c.tenant_id = identity.current_tenant() and c.contact_id = r.id and c.deleted_at is null
  ) by_id on true
  left join lateral (
    select (array_agg(c.contact_id order by c.contact_id))[1] as contact_id from crm.contacts c
    where c.tenant_id = identity.current_tenant() and c.email = r.email and c.deleted_at is null
      and by_id.contact_id is null
  ) by_email on true
  left join lateral (
    select (array_agg(c.contact_id order by c.contact_id))[1] as contact_id from crm.contacts c
    where c.tenant_id = identity.current_tenant() and c.phone_e164 = r.phone and c.deleted_at is null
      and by_id.contact_id is null and r.email is null
      and coalesce(crm.folded(c.first_name), '') = r.first_name
      and coalesce(crm.folded(c.last_name), '') = r.last_name
      and (r.first_name || r.last_name <> '' or coalesce(crm.folded(c.company), '') = r.company)
  ) by_phone on true
  left join lateral (
    select (array_agg(c.contact_id order by c.contact_id))[1] as contact_id from crm.contacts c
    where c.tenant_id = identity.current_tenant() and c.deleted_at is null
      and crm.name_key(c.first_name, c.last_name, c.company, c.email) collate "C" = r.name_key
      and by_id.contact_id is null and r.email is null and r.phone is null
      and coalesce(crm.folded(c.first_name), '') = r.first_name
      and coalesce(crm.folded(c.last_name), '') = r.last_name
      and coalesce(crm.folded(c.company), '') = r.company
  ) by_name on true;
end;
revoke all on function crm.match_import_rows(jsonb) from public;
grant execute on function crm.match_import_rows(jsonb) to crm_app;

-- Renews what the planner knows of the contacts when there are twice as many as it has heard of. Of a table
-- that is new, or was small, it would take any index that begins with the tenant for as good as any
-- other, and an import be over before autovacuum looks. Only the owner may do this (before MAINTAIN,
-- which is PostgreSQL 17's).
create function crm.keep_contact_statistics() returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  known bigint := (select greatest(relpages, 0) from pg_class where oid = 'crm.contacts'::regclass);
begin
  if pg_relation_size('crm.contacts') / current_setting('block_size')::integer > 2 * known + 16 then
    analyze (skip_locked) crm.contacts;
  end if;
end
$$;
revoke all on function crm.keep_contact_statistics() from public;
grant execute on function crm.keep_contact_statistics() to crm_app;

-- The tenants with an upload that nobody goes on with: its process has died.
create function crm.tenants_with_abandoned_uploads() returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  select distinct tenant_id from crm.imports
  where status = 'uploading' and touched_at < now() - interval '15 minutes';
end;
revoke all on function crm.tenants_with_abandoned_uploads() from public;
grant execute on function crm.tenants_with_abandoned_uploads() to crm_app;

-- Who asked for an import, or for its undoing, and in which request: the job that does it may have been added
-- by another one.
alter table crm.imports
  add column request_id text,
  add column undone_by uuid,
  add column undo_request_id text,
  add foreign key (tenant_id, undone_by) references identity.users;
comment on column crm.imports.request_id is 'Of the upload; null of those from before it was kept.';
comment on column crm.imports.undone_by is 'Who has asked for its undoing; null for a program with an API key.';
comment on column crm.imports.undo_request_id is 'In which its undoing was asked for.';

-- As it was, but that the id of a merged contact stands for who answers in its place, if that one is there: else
-- an export from before the merge brought it back. `merged` tells of such a row, whose values are out of date.
-- Of most rows that is not asked: they have no id, or that of a contact that is there. Each id is looked up by
-- itself, whatever the planner takes the tenant for.
drop function crm.match_import_rows(jsonb);
create function crm.match_import_rows(given jsonb)
returns table (place integer, phone_key text, name_key text, contact_id uuid, merged boolean)
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
         coalesce(by_id.contact_id, successor.contact_id, by_email.contact_id, by_phone.contact_id, by_name.contact_id),
         successor.contact_id is not null
  from rows r
  left join lateral (
    select case when c.deleted_at is null then c.contact_id end as contact_id, c.merged_into
    from crm.contacts c
    where c.tenant_id = (select identity.current_tenant()) and c.contact_id = r.id
    offset 0
  ) by_id on true
  left join lateral (
    with recursive chain as (
      select c.contact_id, c.deleted_at, c.merged_into from crm.contacts c
      where c.tenant_id = (select identity.current_tenant()) and c.contact_id = by_id.merged_into
      union
      select next.contact_id, next.deleted_at, next.merged_into
      from chain cross join lateral (
        select c.contact_id, c.deleted_at, c.merged_into from crm.contacts c
        where c.tenant_id = (select identity.current_tenant()) and c.contact_id = chain.merged_into
        offset 0
      ) next
    )
    select chain.contact_id from chain where chain.deleted_at is null and by_id.merged_into is not null
  ) successor on true
  left join lateral (
    select (array_agg(c.contact_id order by c.contact_id))[1] as contact_id from crm.contacts c
    where c.tenant_id = (select identity.current_tenant()) and c.email = r.email and c.deleted_at is null
      and coalesce(by_id.contact_id, successor.contact_id) is null
  ) by_email on true
  left join lateral (
    select (array_agg(c.contact_id order by c.contact_id))[1] as contact_id from crm.contacts c
    where c.tenant_id = (select identity.current_tenant()) and c.phone_e164 = r.phone and c.deleted_at is null
      and coalesce(by_id.contact_id, successor.contact_id) is null and r.email is null
      and coalesce(crm.folded(c.first_name), '') = r.first_name
      and coalesce(crm.folded(c.last_name), '') = r.last_name
      and (r.first_name || r.last_name <> '' or coalesce(crm.folded(c.company), '') = r.company)
  ) by_phone on true
  left join lateral (
    select (array_agg(c.contact_id order by c.contact_id))[1] as contact_id from crm.contacts c
    where c.tenant_id = (select identity.current_tenant()) and c.deleted_at is null
      and crm.name_key(c.first_name, c.last_name, c.company, c.email) collate "C" = r.name_key
      and coalesce(by_id.contact_id, successor.contact_id) is null and r.email is null and r.phone is null
      and coalesce(crm.folded(c.first_name), '') = r.first_name
      and coalesce(crm.folded(c.last_name), '') = r.last_name
      and coalesce(crm.folded(c.company), '') = r.company
  ) by_name on true;
end;
revoke all on function crm.match_import_rows(jsonb) from public;
grant execute on function crm.match_import_rows(jsonb) to crm_app;

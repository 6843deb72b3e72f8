-- Lists contacts of a tenant that the planner has not heard of, being new, as those of others: taking it for
-- one without contacts it went through all of them for each page.

-- The filters of contacts, once for the list, the search and the export: the conditions of a WHERE on
-- crm.contacts c, to be run with the filter itself as $1, by a function of the owner's. They say whose
-- contacts (the session's tenant's; those of `ownedBy`), too, and whether deleted ones. Of a tenant that the
-- statistics do not have, the planner is given a subquery, whose value it does not know: so it takes the
-- tenant for one like others, and not for one without contacts.
create or replace function crm.contact_conditions(filter jsonb) returns text
  language sql stable parallel safe
  return (
    select case when exists (
        select from pg_stats
        where schemaname = 'crm' and tablename = 'contacts' and attname = 'tenant_id'
          and identity.current_tenant() = any (most_common_vals::text::uuid[]))
      then 'c.tenant_id = identity.current_tenant() and '
      else 'c.tenant_id = (select identity.current_tenant()) and ' end)
    || crm.filter_conditions(filter);

-- A page of the list: ids and what they are sorted by, in their order. `after_*` continue it.
--
-- A function of the owner's: what finds tags and custom fields (`@>`) is not leakproof, so under the
-- table's policy it could use no index. Each filter has a plan of its own, made for its values: one
-- for all could not know whether half of the contacts have a tag or three.
--
-- Nor is that guessed: the planner cannot tell one custom value in a thousand from one in a hundred, nor
-- that all customers are old, and then walks through a million contacts in their order for a page (seconds).
-- So up to 2,000 are counted first (some milliseconds). If there are no more, they are found by the filter
-- and sorted. If there are more, the filter is held against the next 5,000 of the order, which come out of
-- their subquery as they went in; what these do not fill is found by the filter, too.
create or replace function crm.list_contacts(
  filter jsonb, sort text, descending boolean, after_key text, after_id uuid, most integer
) returns table (contact_id uuid, sort_key text)
  language plpgsql stable rows 100 security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  key constant text := case sort
    when 'createdAt' then 'c.created_at'
    when 'updatedAt' then 'c.updated_at'
    when 'name' then 'crm.name_key(c.first_name, c.last_name, c.company, c.email) collate "C"'
    when 'company' then case
      when descending then 'crm.company_key(c.company, '''') collate "C"'
      else 'crm.company_key(c.company, U&''\+10FFFF'') collate "C"' end
  end;
  position constant text := case when sort in ('createdAt', 'updatedAt') then '$2::timestamptz' else '$2' end;
  direction constant text := case when descending then 'desc' else 'asc' end;
  further constant text := format('($3 is null or (%s, c.contact_id) %s (%s, $3))',
    key, case when descending then '<' else '>' end, position);
  ordered constant text := format('order by %s %s, c.contact_id %s', key, direction, direction);
  -- Those of the conditions that the order's own index answers.
  along constant jsonb := coalesce((
    select jsonb_object_agg(name, value) from jsonb_each(filter) conditions (name, value)
    where name = any (case sort
      when 'createdAt' then '{deleted, ownedBy, ownerUserId, createdFrom, createdTo}'::text[]
      when 'updatedAt' then '{deleted, updatedFrom, updatedTo}'
      else '{deleted}' end)), '{}');
  -- However many contacts the tenant has, they come in their order from its index.
  of_order constant text := format(
    'from crm.contacts c where c.tenant_id = (select identity.current_tenant()) and %s and %s',
    crm.filter_conditions(along), further);
  candidates constant text := 'from crm.contacts c where ' || crm.contact_conditions(filter);
  few boolean := false;
begin
  if filter <> along then
    execute format('select count(*) <= 2000 from (select %s limit 2001) found', candidates)
      into few using filter;
  end if;
  if not few then
    for contact_id, sort_key in execute
      case when filter = along then format('select c.contact_id, (%s)::text %s %s limit $4', key, of_order, ordered)
      else format('select c.contact_id, (%s)::text from (select c.* %s %s limit 5000) c where %s limit $4',
             key, of_order, ordered, crm.contact_conditions(filter)) end
      using filter, after_key, after_id, most
    loop
      after_key := sort_key;
      after_id := contact_id;
      most := most - 1;
      return next;
    end loop;
    if filter = along or most <= 0 then return; end if;
  end if;
  -- Nothing outside of `offset 0` has a say in how what is inside is found.
  return query execute format(
      'select c.contact_id, (%s)::text from (select * %s offset 0) c where %s %s limit $4',
      key, candidates, further, ordered)
    using filter, after_key, after_id, most;
end
$$;

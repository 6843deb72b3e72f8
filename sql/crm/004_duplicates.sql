-- Who may be the same person: the keys by which similar contacts are found, whom there is to compare, the
-- pairs that were found, and what was merged.

-- What is left of a word however it is spelled: consonants in Latin letters, alike where they sound
-- alike (Müller and Mueller; Юлия and Yulia; Schulz and Shultz). A word without any stays as it is.
-- PL/pgSQL takes a third of the time that an SQL function takes here; and ASCII goes a shorter way,
-- because translate() costs letters times alphabet.
create function crm.match_sounds(word text) returns text
  language plpgsql immutable strict parallel safe
as $$
declare
  folded text := replace(replace(replace(replace(
    lower(public.unaccent('public.unaccent', word)), 'sch', 's'), 'tz', 's'), 'ph', 'f'), 'x', 'ks');
  sounds text;
begin
  if octet_length(folded) = char_length(folded) then
    sounds := translate(folded, 'cqzwaeiouyhj ''-.,&/()"', 'kksv');
  else
    sounds := translate(folded,
      'cqzwбвгґджзклмнпрстфхцчшщβγδζθκλμνξπρσςτφχψaeiouyhjаеиіїйоуъыьэюяєαειηουω ''-.,&/()"’',
      'kksvbvggdssklmnprstfkskssvgdstklmnkprsstfkp');
  end if;
  return coalesce(nullif(sounds, ''), folded);
end
$$;
comment on function crm.match_sounds(text) is
  'Not to be changed without rewriting the columns of crm.contacts that are made of it.';

-- First and last name, whichever is which; of several first names the first.
create function crm.match_name(first_name text, last_name text) returns text
  language plpgsql immutable strict parallel safe
as $$
declare
  one text collate "C" := crm.match_sounds(split_part(translate(first_name, '-.', '  '), ' ', 1));
  other text collate "C" := crm.match_sounds(last_name);
begin
  return least(one, other) || ' ' || greatest(one, other);
end
$$;

-- The first word of a name at a company, and the company by its first word.
create function crm.match_at(company text, name text) returns text
  language plpgsql immutable strict parallel safe
as $$
begin
  return crm.match_sounds(split_part(translate(company, '-.,', '   '), ' ', 1)) || ' '
    || crm.match_sounds(split_part(translate(name, '-.', '  '), ' ', 1));
end
$$;

-- An e-mail address without its domain and what changes nothing about it; null where too little is left.
create function crm.match_mailbox(email text) returns text
  language plpgsql immutable strict parallel safe
as $$
declare
  mailbox text := translate(split_part(split_part(email, '@', 1), '+', 1), '._-', '');
begin
  return case when char_length(mailbox) >= 5 then mailbox end;
end
$$;

-- Generated, so that whatever writes contacts keeps them, an import as well; and columns of their own, so
-- that the policy does not keep their indexes from being used: `=` of text is leakproof, these functions
-- are not.
alter table crm.contacts
  add column match_name    text generated always as (crm.match_name(first_name, last_name)) stored,
  add column match_first   text generated always as (crm.match_at(company, first_name)) stored,
  add column match_last    text generated always as (crm.match_at(company, last_name)) stored,
  add column match_mailbox text generated always as (crm.match_mailbox(email)) stored;
create index contacts_match_phone on crm.contacts (tenant_id, phone_e164)
  where deleted_at is null and phone_e164 is not null;
create index contacts_match_name on crm.contacts (tenant_id, match_name)
  where deleted_at is null and match_name is not null;
create index contacts_match_first on crm.contacts (tenant_id, match_first)
  where deleted_at is null and match_first is not null;
create index contacts_match_last on crm.contacts (tenant_id, match_last)
  where deleted_at is null and match_last is not null;
create index contacts_match_mailbox on crm.contacts (tenant_id, match_mailbox)
  where deleted_at is null and match_mailbox is not null;

create table crm.duplicate_queue (
  tenant_id  uuid not null references identity.tenants,
  contact_id uuid not null,
  changed_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, contact_id)
);
comment on table crm.duplicate_queue is
  'Contacts that are to be compared with the others: they came, went, or changed in what tells people apart.';
comment on column crm.duplicate_queue.changed_at is
  'Tells one change from the next: a contact that changes while it is compared stays in the queue.';
call identity.keep_tenants_apart('crm.duplicate_queue', 'select, insert, update, delete');

create function crm.queue_added_contacts() returns trigger
  language plpgsql
as $$
begin
  insert into crm.duplicate_queue (tenant_id, contact_id) select tenant_id, contact_id from added;
  return null;
end
$$;
-- By the statement: 3 µs a contact of an import.
create trigger contacts_added after insert on crm.contacts
  referencing new table as added
  for each statement execute function crm.queue_added_contacts();

create function crm.queue_changed_contact() returns trigger
  language plpgsql
as $$
begin
  insert into crm.duplicate_queue (tenant_id, contact_id) values (new.tenant_id, new.contact_id)
  on conflict (tenant_id, contact_id) do update set changed_at = excluded.changed_at;
  return null;
end
$$;
create trigger contacts_changed after update on crm.contacts
  for each row
  when ((old.first_name, old.last_name, old.email, old.phone_e164, old.company, old.address_street,
         old.address_postal_code, old.deleted_at)
        is distinct from
        (new.first_name, new.last_name, new.email, new.phone_e164, new.company, new.address_street,
         new.address_postal_code, new.deleted_at))
  execute function crm.queue_changed_contact();

-- The tenants that have something in the queue. A jump through the index from tenant to tenant, because
-- of some the queue may hold a million contacts.
create function crm.tenants_with_changed_contacts() returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  with recursive tenant (id) as (
    (select tenant_id from crm.duplicate_queue order by tenant_id limit 1)
    union all
    select (select q.tenant_id from crm.duplicate_queue q where q.tenant_id > tenant.id
            order by q.tenant_id limit 1)
    from tenant where tenant.id is not null
  )
  select id from tenant where id is not null;
end;
revoke all on function crm.tenants_with_changed_contacts() from public;
grant execute on function crm.tenants_with_changed_contacts() to crm_app;

create table crm.duplicate_pairs (
  tenant_id uuid not null references identity.tenants,
  first_id  uuid not null,
  second_id uuid not null,
  score     float8 not null check (score between 0 and 1),
  reasons   text[] not null,
  found_at  timestamptz(3) not null default now(),
  primary key (tenant_id, first_id, second_id),
  foreign key (tenant_id, first_id) references crm.contacts,
  foreign key (tenant_id, second_id) references crm.contacts,
  check (first_id < second_id)
);
comment on table crm.duplicate_pairs is
  'Contacts that are likely the same person, as they were when last compared.';
call identity.keep_tenants_apart('crm.duplicate_pairs', 'select, insert, update, delete');
create index duplicate_pairs_by_score on crm.duplicate_pairs
  (tenant_id, score desc, first_id desc, second_id desc);
create index duplicate_pairs_of_second on crm.duplicate_pairs (tenant_id, second_id);

create table crm.duplicate_dismissals (
  tenant_id    uuid not null references identity.tenants,
  first_id     uuid not null,
  second_id    uuid not null,
  dismissed_by uuid,
  dismissed_at timestamptz(3) not null default now(),
  primary key (tenant_id, first_id, second_id),
  foreign key (tenant_id, first_id) references crm.contacts,
  foreign key (tenant_id, second_id) references crm.contacts,
  foreign key (tenant_id, dismissed_by) references identity.users,
  check (first_id < second_id)
);
comment on table crm.duplicate_dismissals is 'Contacts that somebody knows to be two people, however alike.';
comment on column crm.duplicate_dismissals.dismissed_by is 'Null for a program with an API key.';
call identity.keep_tenants_apart('crm.duplicate_dismissals', 'select, insert, delete');
create index duplicate_dismissals_of_second on crm.duplicate_dismissals (tenant_id, second_id);

create table crm.merges (
  tenant_id  uuid not null references identity.tenants,
  merge_id   uuid not null,
  target_id  uuid not null,
  source_ids uuid[] not null check (cardinality(source_ids) between 1 and 20),
  changed    jsonb not null check (jsonb_typeof(changed) = 'object'),
  merged_by  uuid,
  merged_at  timestamptz(3) not null default now(),
  undone_at  timestamptz(3),
  primary key (tenant_id, merge_id),
  foreign key (tenant_id, target_id) references crm.contacts,
  foreign key (tenant_id, merged_by) references identity.users
);
comment on table crm.merges is 'Contacts that were made one, and what it takes to part them again.';
comment on column crm.merges.changed is
  'By field of the target that the merge changed: its values before and after it.';
comment on column crm.merges.merged_by is 'Null for a program with an API key.';
call identity.keep_tenants_apart('crm.merges', 'select, insert, update');
create index merges_of_target on crm.merges (tenant_id, target_id, merge_id desc);

create table crm.merged_rows (
  tenant_id uuid not null references identity.tenants,
  merge_id  uuid not null,
  kind      text not null check (kind in
              ('source', 'interaction', 'lead', 'customer', 'dismissal')),
  row_id    uuid not null,
  former_id uuid,
  primary key (tenant_id, merge_id, kind, row_id),
  foreign key (tenant_id, merge_id) references crm.merges
);
comment on table crm.merged_rows is 'What a merge moved to its target, and from whom.';
comment on column crm.merged_rows.kind is
  '`source`: a contact that was merged; `dismissal`: `row_id` became known as another person than the '
  'target; else a row of that name.';
comment on column crm.merged_rows.former_id is 'The contact that it belonged to.';
call identity.keep_tenants_apart('crm.merged_rows', 'select, insert');
create index merged_rows_of_source on crm.merged_rows (tenant_id, row_id, merge_id desc)
  where kind = 'source';

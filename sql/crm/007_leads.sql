-- What may come of a contact: leads, the statuses they go through, and the customers they make.

create table crm.leads (
  tenant_id         uuid not null references identity.tenants,
  lead_id           uuid not null,
  contact_id        uuid not null,
  title             text not null check (char_length(title) between 1 and 200),
  value             numeric(18, 2) check (value >= 0),
  currency          text check (currency ~ '^[A-Z]{3}$'),
  probability       smallint check (probability between 0 and 100),
  likelihood        smallint not null default 10 check (likelihood between 0 and 100),
  expected_close_at timestamptz(3),
  assigned_user_id  uuid,
  source            text check (char_length(source) between 1 and 100),
  status            text not null default 'new' check (status in
                      ('new', 'contacted', 'qualified', 'proposal', 'negotiation', 'won', 'lost')),
  status_since      timestamptz(3) not null default date_trunc('milliseconds', now()),
  lost_reason       text check (char_length(lost_reason) between 1 and 500),
  furthest          smallint not null default 1 check (furthest between 1 and 6),
  history           jsonb not null default '[]' check (jsonb_typeof(history) = 'array'),
  customer_id       uuid,
  score             smallint not null default 0 check (score between 0 and 100),
  score_stale       boolean not null default true,
  last_activity_at  timestamptz(3) not null default date_trunc('milliseconds', now()),
  follow_up_since   timestamptz(3),
  follow_up_task_id uuid,
  snoozed_until     timestamptz(3),
  snooze_reason     text check (char_length(snooze_reason) between 1 and 500),
  version           integer not null default 1,
  created_at        timestamptz(3) not null default date_trunc('milliseconds', now()),
  updated_at        timestamptz(3) not null default date_trunc('milliseconds', now()),
  deleted_at        timestamptz(3),
  -- Whole numbers, because comparing numeric is not leakproof and so may not use an index here.
  value_cents       bigint not null generated always as (coalesce((value * 100)::bigint, -1)) stored,
  is_open           boolean not null generated always as
                      (status <> 'won' and status <> 'lost' and deleted_at is null) stored,
  primary key (tenant_id, lead_id),
  foreign key (tenant_id, contact_id) references crm.contacts,
  foreign key (tenant_id, assigned_user_id) references identity.users,
  foreign key (tenant_id, follow_up_task_id) references crm.interactions,
  check ((value is null) = (currency is null)),
  check ((snoozed_until is null) = (snooze_reason is null)),
  check ((status = 'lost') = (lost_reason is not null))
);
comment on table crm.leads is 'A sale that may come of a contact. Deleted softly.';
comment on column crm.leads.probability is 'Percent, if a person has set it; else the status implies it.';
comment on column crm.leads.likelihood is 'Percent: the probability, whoever or whatever says it; see rules.ts.';
comment on column crm.leads.furthest is
  'The furthest that it has ever come: 1 is new, 5 negotiation, 6 won. For the funnel.';
comment on column crm.leads.history is 'Its transitions, as crm.lead_transitions has them, the oldest first.';
comment on column crm.leads.customer_id is 'Of a lead that was won, the customer that it made or added to.';
comment on column crm.leads.score_stale is
  'Something that the score rests on has changed since. Scores and follow-up do not count as changes '
  'of the lead: its version stays.';
comment on column crm.leads.last_activity_at is
  'When somebody last did something about it: an edit, a transition, an interaction with its contact.';
comment on column crm.leads.follow_up_since is 'Since when it would have needed attention; null if it does not.';
comment on column crm.leads.follow_up_task_id is 'The task that asks its assignee for it.';
comment on column crm.leads.value_cents is 'The value in hundredths, -1 without one: for orders and filters.';
call identity.keep_tenants_apart('crm.leads', 'select, insert, update');

create index leads_of_contact on crm.leads (tenant_id, contact_id) where deleted_at is null;
create index leads_by_creation on crm.leads (tenant_id, created_at desc, lead_id desc)
  where deleted_at is null;
create index leads_by_change on crm.leads (tenant_id, updated_at desc, lead_id desc)
  where deleted_at is null;
create index leads_by_close on crm.leads
  (tenant_id, (coalesce(expected_close_at, 'infinity'::timestamptz)) desc, lead_id desc)
  where deleted_at is null;
create index leads_by_value on crm.leads (tenant_id, value_cents desc, lead_id desc)
  where deleted_at is null;
create index leads_by_score on crm.leads (tenant_id, score desc, lead_id desc)
  where deleted_at is null;
create index leads_of_user on crm.leads (tenant_id, assigned_user_id, created_at desc, lead_id desc)
  where deleted_at is null;
create index leads_by_status on crm.leads (tenant_id, status, created_at desc, lead_id desc)
  where deleted_at is null;
-- All that the reports read of leads by when they were made; and of the open ones, by when they may close.
create index leads_for_reports on crm.leads (tenant_id, created_at)
  include (status, status_since, furthest, source, assigned_user_id) where deleted_at is null;
create index leads_for_forecast on crm.leads (tenant_id, expected_close_at)
  include (currency, value, likelihood, source, assigned_user_id) where is_open;
create index leads_to_score on crm.leads (tenant_id, lead_id) where score_stale and is_open;
create index leads_by_activity on crm.leads (tenant_id, last_activity_at, lead_id) where is_open;
create index leads_unflagged on crm.leads (tenant_id, last_activity_at, lead_id)
  where is_open and follow_up_since is null;

create table crm.customers (
  tenant_id   uuid not null references identity.tenants,
  customer_id uuid not null,
  contact_id  uuid not null,
  lead_id     uuid not null,
  value       numeric(18, 2),
  currency    text check (currency ~ '^[A-Z]{3}$'),
  source      text,
  merged_into uuid,
  version     integer not null default 1,
  created_at  timestamptz(3) not null default now(),
  updated_at  timestamptz(3) not null default now(),
  primary key (tenant_id, customer_id),
  foreign key (tenant_id, contact_id) references crm.contacts,
  foreign key (tenant_id, lead_id) references crm.leads,
  foreign key (tenant_id, merged_into) references crm.customers
);
comment on table crm.customers is 'Whom a lead was won with. Made by converting a lead, and only so.';
comment on column crm.customers.lead_id is 'The first lead that was won with them; value and source are its.';
comment on column crm.customers.merged_into is
  'The customer that answers in place of this one, since their contacts were merged.';
call identity.keep_tenants_apart('crm.customers', 'select, insert, update');
create unique index customers_one_a_contact on crm.customers (tenant_id, contact_id)
  where merged_into is null;
create index customers_by_creation on crm.customers (tenant_id, created_at desc, customer_id desc)
  where merged_into is null;

alter table crm.leads add foreign key (tenant_id, customer_id) references crm.customers;

create table crm.lead_transitions (
  tenant_id   uuid not null references identity.tenants,
  lead_id     uuid not null,
  number      integer not null check (number >= 1),
  from_status text,
  to_status   text not null,
  reason      text,
  note        text,
  user_id     uuid,
  at          timestamptz(3) not null,
  lasted_ms   bigint check (lasted_ms >= 0),
  primary key (tenant_id, lead_id, number),
  foreign key (tenant_id, lead_id) references crm.leads,
  foreign key (tenant_id, user_id) references identity.users,
  check ((from_status is null) = (number = 1)),
  check ((from_status is null) = (lasted_ms is null))
);
comment on table crm.lead_transitions is 'A lead''s ways from status to status. The first tells how it began.';
comment on column crm.lead_transitions.user_id is 'Null for a program with an API key.';
comment on column crm.lead_transitions.lasted_ms is 'How long it was in from_status, in milliseconds.';
call identity.keep_tenants_apart('crm.lead_transitions', 'select, insert');
create index lead_transitions_by_time on crm.lead_transitions (tenant_id, at)
  include (lead_id, from_status, to_status, lasted_ms);

create table crm.lead_states (
  tenant_id        uuid not null references identity.tenants,
  lead_id          uuid not null,
  number           bigint not null generated always as identity,
  valid_from       timestamptz(3) not null,
  valid_to         timestamptz(3),
  status           text not null,
  status_since     timestamptz(3) not null,
  value            numeric(18, 2),
  currency         text,
  likelihood       smallint not null,
  assigned_user_id uuid,
  primary key (tenant_id, lead_id, number),
  foreign key (tenant_id, lead_id) references crm.leads,
  check (valid_to >= valid_from)
);
comment on table crm.lead_states is
  'What the pipeline knows of a lead, for each span of time: from valid_from until before valid_to. Kept '
  'by a trigger, so that nothing that changes a lead can forget it.';
call identity.keep_tenants_apart('crm.lead_states', 'select, insert, update');
-- All that a pipeline reads, so that the table is not. As of now; and as of a moment that is past.
create unique index lead_states_current on crm.lead_states (tenant_id, lead_id) where valid_to is null;
create index lead_states_now on crm.lead_states (tenant_id, status, status_since)
  include (currency, value, likelihood, assigned_user_id) where valid_to is null;
create index lead_states_past on crm.lead_states (tenant_id, valid_to, valid_from)
  include (status, status_since, currency, value, likelihood, assigned_user_id);

create function crm.keep_lead_state() returns trigger
  language plpgsql
as $$
declare
  moment timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
begin
  if tg_op = 'UPDATE' then
    update crm.lead_states set valid_to = greatest(moment, valid_from)
    where tenant_id = new.tenant_id and lead_id = new.lead_id and valid_to is null
    returning valid_to into moment;
    -- Of one that was deleted, none is current.
    moment := coalesce(moment, date_trunc('milliseconds', clock_timestamp()));
  end if;
  if new.deleted_at is null then
    insert into crm.lead_states (tenant_id, lead_id, valid_from, status, status_since, value, currency,
                                 likelihood, assigned_user_id)
    values (new.tenant_id, new.lead_id, moment, new.status, new.status_since, new.value, new.currency,
            new.likelihood, new.assigned_user_id);
  end if;
  return null;
end
$$;
create trigger leads_added after insert on crm.leads
  for each row execute function crm.keep_lead_state();
create trigger leads_changed after update on crm.leads
  for each row
  when ((old.status, old.status_since, old.value, old.currency, old.likelihood, old.assigned_user_id,
         old.deleted_at is null)
        is distinct from
        (new.status, new.status_since, new.value, new.currency, new.likelihood, new.assigned_user_id,
         new.deleted_at is null))
  execute function crm.keep_lead_state();

-- What happens with a contact is activity of its open leads, and changes their scores. A task counts
-- once it is done. If the flag was set after so many days without any, it goes when the activity is not
-- that long ago itself.
create function crm.note_lead_activity(tenant uuid, contact uuid, occurred timestamptz) returns void
  language plpgsql
as $$
declare
  moment timestamptz(3) := date_trunc('milliseconds', least(occurred, clock_timestamp()));
begin
  with touched as (
    select lead_id from crm.leads
    where tenant_id = tenant and contact_id = contact and deleted_at is null and is_open
      and (not score_stale or last_activity_at < moment)
    order by lead_id for no key update
  )
  update crm.leads as leads
  set score_stale = true,
      last_activity_at = greatest(last_activity_at, moment),
      follow_up_since = case when moment + (follow_up_since - last_activity_at) > now()
                        then null else follow_up_since end,
      follow_up_task_id = case when moment + (follow_up_since - last_activity_at) > now()
                          then null else follow_up_task_id end
  from touched
  where leads.tenant_id = tenant and leads.lead_id = touched.lead_id;
end
$$;

create function crm.note_interactions() returns trigger
  language plpgsql
as $$
begin
  perform crm.note_lead_activity(tenant_id, contact_id, max(occurred_at))
  from added
  where contact_id is not null and (type <> 'task' or outcome = 'done')
  group by tenant_id, contact_id
  order by contact_id;
  return null;
end
$$;
create trigger interactions_added after insert on crm.interactions
  referencing new table as added
  for each statement execute function crm.note_interactions();

create function crm.note_interaction() returns trigger
  language plpgsql
as $$
begin
  -- One that is gone is no activity, but the score rested on it.
  perform crm.note_lead_activity(new.tenant_id, new.contact_id,
    case when new.deleted_at is null and (new.type <> 'task' or new.outcome = 'done')
    then new.occurred_at else '-infinity' end);
  return null;
end
$$;
create trigger interactions_changed after update on crm.interactions
  for each row
  when (new.contact_id is not null
        and (old.contact_id, old.type, old.outcome, old.occurred_at, old.direction, old.deleted_at)
          is distinct from
          (new.contact_id, new.type, new.outcome, new.occurred_at, new.direction, new.deleted_at))
  execute function crm.note_interaction();

create function crm.note_contact() returns trigger
  language plpgsql
as $$
begin
  update crm.leads set score_stale = true
  where tenant_id = new.tenant_id and contact_id = new.contact_id and deleted_at is null
    and is_open and not score_stale;
  return null;
end
$$;
create trigger contacts_completed after update on crm.contacts
  for each row
  when ((old.first_name is null, old.last_name is null, old.email is null, old.phone is null,
         old.company is null, old.title is null, old.address_country is null)
        is distinct from
        (new.first_name is null, new.last_name is null, new.email is null, new.phone is null,
         new.company is null, new.title is null, new.address_country is null))
  execute function crm.note_contact();

create table crm.lead_settings (
  tenant_id  uuid primary key references identity.tenants,
  settings   jsonb not null check (jsonb_typeof(settings) = 'object'),
  version    integer not null,
  updated_at timestamptz(3) not null default now()
);
comment on table crm.lead_settings is
  'How a tenant wants its leads scored, followed up and assigned; without a row, as schema.ts has it.';
comment on column crm.lead_settings.version is 'Counts from 1, which is the version without a row.';
call identity.keep_tenants_apart('crm.lead_settings', 'select, insert, update');

create table crm.lead_rotations (
  tenant_id    uuid not null references identity.tenants,
  rotation     text not null check (char_length(rotation) <= 100),
  last_user_id uuid,
  primary key (tenant_id, rotation)
);
comment on table crm.lead_rotations is
  'Whose turn it was last, by the name of the assignment rule; empty for those that no rule is for.';
call identity.keep_tenants_apart('crm.lead_rotations', 'select, insert, update');

-- The tenants that have leads, from one to the next through an index.
create function crm.tenants_with_open_leads() returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  with recursive tenant (id) as (
    (select tenant_id from crm.leads where is_open order by tenant_id limit 1)
    union all
    select (select l.tenant_id from crm.leads l where l.is_open and l.tenant_id > tenant.id
            order by l.tenant_id limit 1)
    from tenant where tenant.id is not null
  )
  select id from tenant where id is not null;
end;
revoke all on function crm.tenants_with_open_leads() from public;
grant execute on function crm.tenants_with_open_leads() to crm_app;

-- Those of which some score is stale.
create function crm.tenants_with_leads_to_score() returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  with recursive tenant (id) as (
    (select tenant_id from crm.leads where score_stale and is_open order by tenant_id limit 1)
    union all
    select (select l.tenant_id from crm.leads l
            where l.score_stale and l.is_open and l.tenant_id > tenant.id
            order by l.tenant_id limit 1)
    from tenant where tenant.id is not null
  )
  select id from tenant where id is not null;
end;
revoke all on function crm.tenants_with_leads_to_score() from public;
grant execute on function crm.tenants_with_leads_to_score() to crm_app;

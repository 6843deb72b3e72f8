-- What happened with contacts: calls, e-mails, meetings, notes, tasks.

create table crm.interactions (
  tenant_id         uuid not null references identity.tenants,
  interaction_id    uuid not null,
  contact_id        uuid,
  type              text not null check (type in
                      ('call', 'email', 'meeting', 'note', 'task', 'sms', 'chat', 'other')),
  direction         text check (direction in ('inbound', 'outbound')),
  subject           text check (char_length(subject) between 1 and 300),
  body              text check (char_length(body) between 1 and 50000),
  occurred_at       timestamptz(3) not null,
  duration_seconds  integer check (duration_seconds between 0 and 604800),
  outcome           text check (char_length(outcome) between 1 and 50),
  metadata          jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  participant_name  text check (char_length(participant_name) between 1 and 200),
  participant_email text check (char_length(participant_email) between 3 and 254),
  participant_phone text check (char_length(participant_phone) between 1 and 50),
  user_id           uuid,
  missing           text[] not null default '{}'
                      check (missing <@ array['contactId', 'outcome', 'durationSeconds']),
  assigned_to       uuid,
  claimed_by        uuid,
  claimed_until     timestamptz(3),
  dismissed_at      timestamptz(3),
  dismissed_reason  text check (char_length(dismissed_reason) between 1 and 500),
  version           integer not null default 1,
  created_at        timestamptz(3) not null default now(),
  updated_at        timestamptz(3) not null default now(),
  deleted_at        timestamptz(3),
  in_review         boolean not null generated always as
                      (missing <> '{}' and dismissed_at is null and deleted_at is null) stored,
  primary key (tenant_id, interaction_id),
  foreign key (tenant_id, contact_id) references crm.contacts,
  foreign key (tenant_id, user_id) references identity.users,
  foreign key (tenant_id, assigned_to) references identity.users,
  foreign key (tenant_id, claimed_by) references identity.users,
  constraint interactions_without_contact check ((contact_id is null) = ('contactId' = any (missing))),
  check ((claimed_by is null) = (claimed_until is null)),
  check ((dismissed_at is null) = (dismissed_reason is null))
);
comment on table crm.interactions is 'One thing that happened with a contact, or that is to be done. Deleted softly.';
comment on column crm.interactions.contact_id is 'Null until a reviewer has found out whom it was with.';
comment on column crm.interactions.occurred_at is 'Of a task, when it is due.';
comment on column crm.interactions.user_id is
  'Who logged it, or has to do it; null for a program with an API key.';
comment on column crm.interactions.participant_name is
  'Who took part, as far as it was known; with address and number it is what a contact is looked for by.';
comment on column crm.interactions.missing is 'What a reviewer has to find out; see rules.ts.';
comment on column crm.interactions.assigned_to is 'The reviewer who is to look at it; null says any.';
comment on column crm.interactions.claimed_by is 'The reviewer who is at it, until claimed_until.';
comment on column crm.interactions.in_review is
  'Waits in the review queue. A column, because no policy keeps its index from being used.';
call identity.keep_tenants_apart('crm.interactions', 'select, insert, update');

-- Every order and filter of lists and timelines that a million rows would be read for otherwise. What
-- they are compared by (`=` of uuid and text, `<` of times) is leakproof, so the policy lets them be used.
-- Ascending, though they are read backwards: what is logged as it happens fills page after page.
create index interactions_of_contact on crm.interactions
  (tenant_id, contact_id, occurred_at, interaction_id) where deleted_at is null;
create index interactions_of_contact_by_type on crm.interactions
  (tenant_id, contact_id, type, occurred_at, interaction_id) where deleted_at is null;
create index interactions_of_user on crm.interactions
  (tenant_id, user_id, occurred_at, interaction_id) where deleted_at is null;
create index interactions_by_type on crm.interactions
  (tenant_id, type, occurred_at, interaction_id) where deleted_at is null;
-- The reports read nothing but these two; medians are asked of those alone that have a duration.
create index interactions_by_time on crm.interactions
  (tenant_id, occurred_at, interaction_id)
  include (type, direction, outcome, user_id, duration_seconds) where deleted_at is null;
create index interactions_timed on crm.interactions (tenant_id, occurred_at)
  include (type, direction, outcome, user_id, duration_seconds)
  where deleted_at is null and duration_seconds is not null;
create index interactions_in_review on crm.interactions
  (tenant_id, created_at, interaction_id) where in_review;

-- The changes of one thing, newest first: what a timeline is made of.
create index audit_log_of_entity_by_time on crm.audit_log
  (tenant_id, entity, entity_id, occurred_at, audit_id);

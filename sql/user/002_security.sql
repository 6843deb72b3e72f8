-- Everything else about who somebody is: invitations and resets, the second factor, API keys,
-- what a tenant changes about its roles, and what happened that a reviewer would ask for.

alter table identity.tenants
  add column time_zone    text not null default 'UTC' check (char_length(time_zone) between 1 and 64),
  add column country      text check (country ~ '^[A-Z]{2}$'),
  add column currency     text check (currency ~ '^[A-Z]{3}$'),
  add column require_totp text[] not null default '{}'
    check (require_totp <@ array['admin', 'manager', 'sales', 'marketing']),
  add column rules_version integer not null default 1;
comment on column identity.tenants.rules_version is
  'Grows whenever permission_overrides change: whoever remembers them knows by it whether they hold.';
comment on column identity.tenants.time_zone is 'IANA name: where the days of reports begin.';
comment on column identity.tenants.country is 'ISO 3166-1: where phone numbers without a prefix are from.';
comment on column identity.tenants.require_totp is 'Roles that must have a second factor.';

alter table identity.users add column password_version integer not null default 1;
comment on column identity.users.password_version is
  'Grows with every new password, unlike password_hash, which is also renewed when hashes get costlier.';

alter table identity.sessions drop constraint sessions_end_reason_check;
alter table identity.sessions add constraint sessions_end_reason_check check (end_reason in
  ('logout', 'logout_all', 'ended', 'reuse', 'password_changed', 'password_reset', 'user_disabled',
   'role_changed'));

-- A person is known at the networks from which they have signed in before.
alter table identity.sessions add column network text;
comment on column identity.sessions.network is
  'Where the sign-in came from: the IPv4 address, or the /64 of the IPv6 one.';
create index sessions_by_network on identity.sessions (tenant_id, user_id, network, created_at);

create table identity.one_time_tokens (
  tenant_id  uuid not null,
  token_hash bytea not null check (octet_length(token_hash) = 32),
  user_id    uuid not null,
  purpose    text not null check (purpose in ('invitation', 'password_reset')),
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  used_at    timestamptz(3),
  primary key (tenant_id, token_hash),
  foreign key (tenant_id, user_id) references identity.users
);
comment on table identity.one_time_tokens is
  'What lets a person set a password without knowing one: invitations and resets. Good once.';
comment on column identity.one_time_tokens.token_hash is 'SHA-256 of the token; the token itself is nowhere.';
call identity.keep_tenants_apart('identity.one_time_tokens', 'select, insert, update, delete');
create index one_time_tokens_of_user on identity.one_time_tokens (tenant_id, user_id);

create table identity.second_factors (
  tenant_id     uuid not null,
  user_id       uuid not null,
  sealed_secret bytea not null,
  confirmed_at  timestamptz(3),
  last_step     bigint not null default 0,
  created_at    timestamptz(3) not null default now(),
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references identity.users
);
comment on table identity.second_factors is
  'A user''s TOTP secret (RFC 6238). Asked for at sign-in once it is confirmed.';
comment on column identity.second_factors.sealed_secret is 'Encrypted under ENCRYPTION_SECRET.';
comment on column identity.second_factors.last_step is
  'The time step of the last code that was taken: no code is good twice (RFC 6238, section 5.2).';
call identity.keep_tenants_apart('identity.second_factors', 'select, insert, update, delete');

create table identity.recovery_codes (
  tenant_id uuid not null,
  user_id   uuid not null,
  code_hash bytea not null check (octet_length(code_hash) = 32),
  used_at   timestamptz(3),
  primary key (tenant_id, user_id, code_hash),
  foreign key (tenant_id, user_id) references identity.second_factors on delete cascade
);
comment on table identity.recovery_codes is 'Stand in for a code of the second factor, each once.';
call identity.keep_tenants_apart('identity.recovery_codes', 'select, insert, update, delete');

create table identity.permission_overrides (
  tenant_id uuid not null references identity.tenants,
  role      text not null check (role in ('admin', 'manager', 'sales', 'marketing')),
  resource  text not null,
  action    text not null,
  scope     text not null check (scope in ('all', 'own', 'none')),
  primary key (tenant_id, role, resource, action)
);
comment on table identity.permission_overrides is
  'Where a tenant''s roles differ from identity.default_permissions; `none` takes a permission away.';
call identity.keep_tenants_apart('identity.permission_overrides', 'select, insert, update, delete');

create table identity.api_keys (
  tenant_id    uuid not null,
  api_key_id   uuid not null,
  key_hash     bytea not null check (octet_length(key_hash) = 32),
  name         text not null check (char_length(name) between 1 and 100),
  hint         text not null check (char_length(hint) between 4 and 12),
  role         text not null check (role in ('admin', 'manager', 'sales', 'marketing')),
  created_by   uuid not null,
  created_at   timestamptz(3) not null default now(),
  expires_at   timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at   timestamptz(3),
  primary key (tenant_id, api_key_id),
  constraint api_keys_hash_unique unique (tenant_id, key_hash),
  foreign key (tenant_id) references identity.tenants
);
comment on table identity.api_keys is 'What programs sign in with: a role of its own, no person.';
comment on column identity.api_keys.key_hash is 'SHA-256 of the key, which is shown once and is nowhere.';
comment on column identity.api_keys.hint is 'The key''s last characters, to tell keys apart by.';
comment on column identity.api_keys.created_by is 'The user, or the API key that made another one.';
call identity.keep_tenants_apart('identity.api_keys', 'select, insert, update');
create index api_keys_by_creation on identity.api_keys
  (tenant_id, created_at desc, api_key_id desc);

create table identity.security_events (
  tenant_id      uuid not null references identity.tenants,
  event_id       uuid not null,
  occurred_at    timestamptz(3) not null default now(),
  event          text not null,
  severity       text not null check (severity in ('info', 'warning', 'critical')),
  user_id        uuid,
  session_id     uuid,
  actor_id       uuid,
  request_id     text not null,
  client_address text not null,
  details        jsonb not null default '{}',
  primary key (tenant_id, event_id)
);
comment on table identity.security_events is
  'What a security reviewer asks for: sign-ins, refusals, reuse, changes of keys and roles. Append only.';
comment on column identity.security_events.user_id is 'Whom it is about; null where that is not known.';
comment on column identity.security_events.actor_id is 'Who did it; null where nobody was signed in.';
call identity.keep_tenants_apart('identity.security_events', 'select, insert');
create index security_events_of_user on identity.security_events (tenant_id, user_id, event_id);

create index users_by_creation on identity.users (tenant_id, created_at desc, user_id desc);

-- The audit log is read newest first, whatever it is filtered by.
comment on column identity.audit_log.actor_id is
  'The user or API key; null for what the service did by itself.';
create index audit_log_by_time on identity.audit_log
  (tenant_id, occurred_at desc, audit_id desc);
create index audit_log_by_entity on identity.audit_log
  (tenant_id, entity, occurred_at desc, audit_id desc);
create index audit_log_by_actor on identity.audit_log
  (tenant_id, actor_id, occurred_at desc, audit_id desc);
create index audit_log_by_action on identity.audit_log
  (tenant_id, action, occurred_at desc, audit_id desc);

comment on column identity.idempotency_keys.key is 'SHA-256 of the key that the client sent.';
comment on column identity.idempotency_keys.response is
  'JSON; where it holds a secret, sealed under the key, which is nowhere.';

-- Who somebody is: tenants, their users, their sessions, and what their roles may do.
--
-- Rules of this schema (and of `crm`), held by tests:
--   · every key begins with tenant_id;
--   · a tenant's rows are reachable only in a transaction that has set app.tenant_id;
--   · crm_owner owns, crm_app reads and writes, and neither is a superuser.

grant usage on schema identity to crm_app;

-- The tenant that this transaction works for; null outside of one, so that nothing matches.
-- After a transaction-local setting ends, the setting is '' and not null: hence nullif.
create function identity.current_tenant() returns uuid
  language sql stable parallel safe
  return nullif(current_setting('app.tenant_id', true), '')::uuid;

-- Makes a table one of tenants' rows: only the current tenant's can be seen or written.
-- Every CREATE TABLE is followed by a call of this, which also is what grants crm_app anything at
-- all. So a table that forgets it cannot be used, instead of being open to everybody.
create procedure identity.keep_tenants_apart(target regclass, privileges text)
  language plpgsql
as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format(
    'create policy tenant on %s using (tenant_id = (select identity.current_tenant()))', target);
  execute format('grant %s on %s to crm_app', privileges, target);
end
$$;

create table identity.tenants (
  tenant_id  uuid primary key,
  slug       text not null unique
             check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name       text not null check (char_length(name) between 1 and 200),
  version    integer not null default 1,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
comment on table identity.tenants is 'One company that uses the services. The unit of isolation.';
comment on column identity.tenants.slug is 'Named at sign-in, unique among all tenants.';
call identity.keep_tenants_apart('identity.tenants', 'select, insert, update');

-- Sign-in knows a slug and not yet a tenant. This is the one look-up across tenants; it gives away
-- an id and nothing else.
create function identity.tenant_by_slug(wanted text) returns uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  select tenant_id from identity.tenants where slug = wanted;
end;
revoke all on function identity.tenant_by_slug(text) from public;
grant execute on function identity.tenant_by_slug(text) to crm_app;

create table identity.users (
  tenant_id     uuid not null references identity.tenants,
  user_id       uuid not null,
  email         text not null check (email = lower(email) and char_length(email) between 3 and 254),
  full_name     text not null check (char_length(full_name) between 1 and 200),
  role          text not null check (role in ('admin', 'manager', 'sales', 'marketing')),
  status        text not null default 'active' check (status in ('active', 'invited', 'disabled')),
  password_hash text,
  version       integer not null default 1,
  created_at    timestamptz(3) not null default now(),
  updated_at    timestamptz(3) not null default now(),
  primary key (tenant_id, user_id),
  constraint users_email_unique unique (tenant_id, email)
);
comment on table identity.users is
  'A person who signs in to one tenant. Never deleted, only disabled: history points here.';
comment on column identity.users.email is 'Lower case; citext is not leakproof, so no index under RLS.';
comment on column identity.users.password_hash is 'bcrypt ($2b$); null until an invitation is accepted.';
call identity.keep_tenants_apart('identity.users', 'select, insert, update');

create table identity.sessions (
  tenant_id    uuid not null,
  session_id   uuid not null,
  user_id      uuid not null,
  user_agent   text check (char_length(user_agent) <= 512),
  address      text,
  created_at   timestamptz(3) not null default now(),
  last_used_at timestamptz(3) not null default now(),
  expires_at   timestamptz(3) not null,
  ended_at     timestamptz(3),
  end_reason   text check (end_reason in ('logout', 'reuse')),
  primary key (tenant_id, session_id),
  foreign key (tenant_id, user_id) references identity.users,
  check ((ended_at is null) = (end_reason is null))
);
comment on table identity.sessions is
  'One sign-in: a family of refresh tokens. Its access tokens live only as long as it does.';
comment on column identity.sessions.address is 'The client''s address at sign-in.';
call identity.keep_tenants_apart('identity.sessions', 'select, insert, update, delete');
create index sessions_of_user on identity.sessions (tenant_id, user_id) where ended_at is null;

create table identity.refresh_tokens (
  tenant_id        uuid not null,
  token_hash       bytea not null check (octet_length(token_hash) = 32),
  session_id       uuid not null,
  created_at       timestamptz(3) not null default now(),
  used_at          timestamptz(3),
  sealed_successor bytea,
  primary key (tenant_id, token_hash),
  foreign key (tenant_id, session_id) references identity.sessions on delete cascade,
  check ((used_at is null) = (sealed_successor is null))
);
comment on table identity.refresh_tokens is
  'Every refresh token that a session was given. Kept after use, so that reuse is noticed.';
comment on column identity.refresh_tokens.token_hash is 'SHA-256 of the token; the token itself is nowhere.';
comment on column identity.refresh_tokens.sealed_successor is
  'The token that replaced this one, encrypted under a key derived from this one: a client that '
  'sends the same token twice at once gets the same successor, and a copy of this table tells nothing.';
call identity.keep_tenants_apart('identity.refresh_tokens', 'select, insert, update, delete');
create index refresh_tokens_of_session on identity.refresh_tokens (tenant_id, session_id);

-- The default matrix of the contract. The same for all tenants, so it has no tenant_id and no
-- policy; crm_app can only read it.
create table identity.default_permissions (
  role     text not null check (role in ('admin', 'manager', 'sales', 'marketing')),
  resource text not null,
  action   text not null,
  scope    text not null check (scope in ('all', 'own')),
  primary key (role, resource, action)
);
comment on table identity.default_permissions is
  'What each role may do. `own` limits an action to rows that belong to the user.';
grant select on identity.default_permissions to crm_app;

insert into identity.default_permissions (role, resource, action, scope)
select grants.role, grants.resource, action, grants.scope
from (values
  ('admin',     'tenant',       'read, update',                                                 'all'),
  ('manager',   'tenant',       'read',                                                         'all'),
  ('sales',     'tenant',       'read',                                                         'all'),
  ('marketing', 'tenant',       'read',                                                         'all'),

  ('admin',     'users',        'create, read, update, delete',                                 'all'),
  ('manager',   'users',        'read',                                                         'all'),
  ('sales',     'users',        'read',                                                         'all'),
  ('marketing', 'users',        'read',                                                         'all'),

  ('admin',     'roles',        'read, update',                                                 'all'),
  ('admin',     'apiKeys',      'create, read, delete',                                         'all'),
  ('admin',     'audit',        'read',                                                         'all'),

  ('admin',     'contacts',     'create, read, update, delete, import, export, merge',          'all'),
  ('manager',   'contacts',     'create, read, update, delete, import, export, merge',          'all'),
  ('sales',     'contacts',     'create, read, update',                                         'all'),
  ('marketing', 'contacts',     'create, read, update, import, export',                         'all'),

  ('admin',     'interactions', 'create, read, update, delete, review',                         'all'),
  ('manager',   'interactions', 'create, read, update, delete, review',                         'all'),
  ('sales',     'interactions', 'create, read',                                                 'all'),
  ('sales',     'interactions', 'update',                                                       'own'),
  ('marketing', 'interactions', 'create, read',                                                 'all'),
  ('marketing', 'interactions', 'update',                                                       'own'),

  ('admin',     'leads',        'create, read, update, delete, transition, convert, configure', 'all'),
  ('manager',   'leads',        'create, read, update, delete, transition, convert, configure', 'all'),
  ('sales',     'leads',        'create, read',                                                 'all'),
  ('sales',     'leads',        'update, transition, convert',                                  'own'),
  ('marketing', 'leads',        'create, read',                                                 'all'),

  ('admin',     'customers',    'read, update',                                                 'all'),
  ('manager',   'customers',    'read, update',                                                 'all'),
  ('sales',     'customers',    'read',                                                         'all'),
  ('marketing', 'customers',    'read',                                                         'all'),

  ('admin',     'reports',      'read',                                                         'all'),
  ('manager',   'reports',      'read',                                                         'all'),
  ('sales',     'reports',      'read',                                                         'own'),
  ('marketing', 'reports',      'read',                                                         'all')
) as grants (role, resource, actions, scope),
  unnest(string_to_array(grants.actions, ', ')) as action;

create table identity.audit_log (
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
comment on table identity.audit_log is
  'What was changed, by whom and in which request; written in the same transaction. Append only: '
  'crm_app may neither update nor delete.';
comment on column identity.audit_log.actor_id is 'The user; null for what the service did by itself.';
call identity.keep_tenants_apart('identity.audit_log', 'select, insert');
create index audit_log_of_entity on identity.audit_log (tenant_id, entity, entity_id, audit_id);

create table identity.idempotency_keys (
  tenant_id    uuid not null references identity.tenants,
  actor_id     uuid not null,
  key          text not null check (char_length(key) between 1 and 255),
  request_hash bytea not null,
  response     text not null,
  created_at   timestamptz(3) not null default now(),
  primary key (tenant_id, actor_id, key)
);
comment on table identity.idempotency_keys is
  'Answers already given, kept for 24 hours, so that a repeated request gets the same answer.';
call identity.keep_tenants_apart('identity.idempotency_keys', 'select, insert, delete');
create index idempotency_keys_by_age on identity.idempotency_keys (tenant_id, created_at);

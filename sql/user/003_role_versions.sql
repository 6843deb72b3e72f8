-- Whoever changes what a role may do says on which version of it.

create table identity.role_versions (
  tenant_id uuid not null references identity.tenants,
  role      text not null check (role in ('admin', 'manager', 'sales', 'marketing')),
  version   integer not null,
  primary key (tenant_id, role)
);
comment on table identity.role_versions is
  'How often a tenant has changed what a role may do; 1, and no row, for a role as it is by default.';
call identity.keep_tenants_apart('identity.role_versions', 'select, insert, update');

comment on column identity.idempotency_keys.actor_id is
  'The user or API key; all zeros for who was not signed in.';
comment on column identity.idempotency_keys.request_hash is
  'Of the whole request, under a secret of the service: nothing in it can be guessed by this.';
comment on column identity.idempotency_keys.response is
  'JSON; where it holds a secret, sealed under the whole request, which is nowhere.';

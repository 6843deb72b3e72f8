-- The two roles of every installation. Run by an administrator who may create roles and need not be
-- a superuser; may be run again at any time. PostgreSQL 15 or newer.
--
--   crm_owner  owns both schemas and migrates them. No service signs in as crm_owner.
--   crm_app    is what the services sign in as: it reads and writes rows, as far as the migrations
--              grant it, and owns nothing. Its statements are planned for disks that find any page as fast
--              as the next, and are not compiled, unless an administrator has said otherwise.
--
-- Neither is a superuser or has BYPASSRLS: row-level security is what keeps tenants apart.
-- Their passwords are set elsewhere, so that none stands in a file.

do $$
declare
  name text;
begin
  foreach name in array array['crm_owner', 'crm_app'] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I login', name);
    end if;
  end loop;

  select rolname into name from pg_roles
  where rolname in ('crm_owner', 'crm_app')
    and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or not rolcanlogin);
  if found then
    raise exception 'role % has attributes that it must not have, or cannot log in', name
      using hint = format(
        'ALTER ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;', name);
  end if;

  if pg_has_role('crm_app', 'crm_owner', 'member') then
    raise exception 'crm_app is a member of crm_owner, so policies do not bind it'
      using hint = 'REVOKE crm_owner FROM crm_app;';
  end if;

  -- A report would rather read all of a table, of all tenants, than an index that is a third of it, if a
  -- page cost what it does on a disk that turns. And to compile a statement takes longer than it saves.
  foreach name in array array['random_page_cost = 1.1', 'jit = off'] loop
    if not exists (
      select from pg_roles, unnest(rolconfig) as setting
      where rolname = 'crm_app' and split_part(setting, '=', 1) = split_part(name, ' ', 1)
    ) then
      execute format('alter role crm_app set %s', name);
    end if;
  end loop;

  -- Whoever makes a database for another role, or ends another role's sessions, must be a member of
  -- that role. Since PostgreSQL 16 the creator of a role can make itself one, but is not.
  foreach name in array array['crm_owner', 'crm_app'] loop
    if not pg_has_role(current_user, name, 'usage') then
      execute format('grant %I to %I', name, current_user);
    end if;
  end loop;
end
$$;

-- A service is ready only if every file that it was built with has run, and so must see which have.
grant select on identity.migrations to crm_app;

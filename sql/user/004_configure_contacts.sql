-- Which fields a company's contacts have is for those to say who manage it.
insert into identity.default_permissions (role, resource, action, scope) values
  ('admin',   'contacts', 'configure', 'all'),
  ('manager', 'contacts', 'configure', 'all');

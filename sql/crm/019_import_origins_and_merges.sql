-- Who asked for an import, or for its undoing, and in which request: the job that does it may have been added
-- by another one.
alter table crm.imports
  add column request_id text,
  add column undone_by uuid,
  add column undo_request_id text,
  add foreign key (tenant_id, undone_by) references identity.users;
comment on column crm.imports.request_id is 'Of the upload; null of those from before it was kept.';
comment on column crm.imports.undone_by is 'Who has asked for its undoing; null for a program with an API key.';
comment on column crm.imports.undo_request_id is 'In which its undoing was asked for.';

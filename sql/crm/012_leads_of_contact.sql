-- A timeline tells of deleted leads, too: an index without them made it read all leads of all tenants.
drop index crm.leads_of_contact;
create index leads_of_contact on crm.leads (tenant_id, contact_id);

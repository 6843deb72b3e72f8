-- Statistics of the big tables are renewed after one row in a hundred has changed, instead of ten. A tenant
-- that they have not heard of seems to have no rows, and then any index that begins with the tenant is as
-- good as another; in a table of ten million rows that could be a tenant with a million.
alter table crm.contacts set (autovacuum_analyze_scale_factor = 0.01);
alter table crm.interactions set (autovacuum_analyze_scale_factor = 0.01);
alter table crm.leads set (autovacuum_analyze_scale_factor = 0.01);

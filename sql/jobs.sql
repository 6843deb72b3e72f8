-- What crm_app may do with the job queue, whose tables graphile-worker makes (schema graphile_worker)
-- and keeps closed to all but their owner. May be run again at any time.
--
-- Jobs are taken out of the queue before it is known whose they are, so a worker sees all of them while
-- it works for no tenant. In a tenant's transaction only that tenant's jobs are there: what a request
-- could be made to do to the queue ends at its tenant. A job's payload holds ids, never a person's data.

grant usage on schema graphile_worker to crm_app;
grant select on graphile_worker.migrations, graphile_worker.jobs to crm_app;
grant select, insert, update, delete on graphile_worker._private_jobs to crm_app;
grant select, insert, update on
  graphile_worker._private_tasks,
  graphile_worker._private_job_queues,
  graphile_worker._private_known_crontabs to crm_app;

drop policy if exists tenant on graphile_worker._private_jobs;
create policy tenant on graphile_worker._private_jobs to crm_app
  using (identity.current_tenant() is null
         or payload ->> 'tenantId' = identity.current_tenant()::text);

-- Names of jobs, of queues and of schedules: nothing in them is a tenant's.
drop policy if exists worker on graphile_worker._private_tasks;
create policy worker on graphile_worker._private_tasks to crm_app using (true);
drop policy if exists worker on graphile_worker._private_job_queues;
create policy worker on graphile_worker._private_job_queues to crm_app using (true);
drop policy if exists worker on graphile_worker._private_known_crontabs;
create policy worker on graphile_worker._private_known_crontabs to crm_app using (true);

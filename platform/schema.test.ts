import { afterAll, describe, expect, test } from "bun:test";
import pg from "pg";
import { testDatabase } from "../tools/testing/database.ts";

const files = await testDatabase();
const owner = new pg.Pool({ connectionString: files.ownerUrl, max: 2 });

afterAll(async () => {
  await owner.end();
  await files.drop();
});

/** Tables that hold no tenant's rows, each with its reason. */
const WITHOUT_TENANT = new Set([
  "identity.default_permissions", // the same matrix for all tenants, read only
  "identity.migrations", // which files have run; read only
  "identity.migrations_lock",
  "crm.migrations",
  "crm.migrations_lock",
  // A worker takes a job before it is known whose it is, so outside of tenants all jobs are there; in a
  // tenant's transaction only its own (sql/jobs.sql, jobs.test.ts).
  "graphile_worker._private_jobs",
  "graphile_worker._private_tasks", // names of jobs
  "graphile_worker._private_job_queues", // names of queues, of which we have none
  "graphile_worker._private_known_crontabs", // names of schedules
  "graphile_worker.migrations", // which of its own files have run; read only
]);

async function names(query: string): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(query);
  return rows.map((row) => row.name).filter((name) => !WITHOUT_TENANT.has(name));
}

const TABLES = `
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('identity', 'crm', 'graphile_worker') and c.relkind in ('r', 'p')`;

/** Tables that a transaction could read or write across tenants. */
const UNPROTECTED = `
  select n.nspname || '.' || c.relname as name ${TABLES}
    and not (c.relrowsecurity and exists (
      select from pg_policy p where p.polrelid = c.oid
        and pg_get_expr(p.polqual, c.oid) like '(tenant_id = % current_tenant%'))`;

/** Keys and foreign keys that do not begin with the tenant. */
const KEYS_WITHOUT_TENANT = `
  select distinct n.nspname || '.' || c.relname as name ${TABLES}
    and exists (
      select from pg_constraint k join pg_attribute a
        on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
      where k.conrelid = c.oid and k.contype in ('p', 'u', 'f') and a.attname <> 'tenant_id'
        and k.conname <> 'tenants_slug_key')`;

describe("every table", () => {
  test("lets a transaction see its tenant's rows only", async () => {
    expect(await names(`select n.nspname || '.' || c.relname as name ${TABLES}`)).not.toBeEmpty();
    expect(await names(UNPROTECTED)).toEqual([]);
  });

  test("is found if it does not", async () => {
    const client = await owner.connect();
    try {
      await client.query("begin");
      await client.query("create table crm.forgotten (tenant_id uuid, id uuid primary key)");
      const { rows } = await client.query<{ name: string }>(UNPROTECTED);
      expect(rows.map((row) => row.name)).toContain("crm.forgotten");
      const keys = await client.query<{ name: string }>(KEYS_WITHOUT_TENANT);
      expect(keys.rows.map((row) => row.name)).toContain("crm.forgotten");
    } finally {
      await client.query("rollback");
      client.release();
    }
  });

  test("has keys that begin with the tenant", async () => {
    expect(await names(KEYS_WITHOUT_TENANT)).toEqual([]);
  });

  test("has a comment", async () => {
    const uncommented = `select n.nspname || '.' || c.relname as name ${TABLES}
      and obj_description(c.oid, 'pg_class') is null`;
    expect(await names(uncommented)).toEqual([]);
  });
});

test("what the owner runs for others has a fixed search_path and is not open to everybody", async () => {
  const loose = await names(`
    select p.oid::regprocedure::text as name
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('identity', 'crm') and p.prosecdef
      and not (coalesce(p.proconfig::text, '') like '%search_path=pg_catalog%'
               and has_function_privilege('crm_app', p.oid, 'execute')
               and not exists (select from aclexplode(p.proacl) where grantee = 0))`);
  expect(loose).toEqual([]);
});

test("the audit logs can be added to, and nothing else", async () => {
  const app = new pg.Client({ connectionString: files.appUrl });
  await app.connect();
  for (const table of ["identity.audit_log", "crm.audit_log"]) {
    for (const statement of [
      `update ${table} set action = 'forged'`,
      `delete from ${table}`,
      `truncate ${table}`,
      `alter table ${table} disable row level security`,
    ]) {
      await expect(app.query(statement)).rejects.toMatchObject({ code: "42501" });
    }
  }
  await app.end();
});

import { afterAll, expect, test } from "bun:test";
import { type AuditFilter, listAuditEntries } from "@crm/platform/audit-log";
import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { withClient } from "../../../tools/local/database.ts";
import { testDatabase } from "../../../tools/testing/database.ts";
import { readsOf } from "../../../tools/testing/reads.ts";
import type { DB } from "../tables.gen.ts";

const TENANTS = 10;
const ENTRIES = 5_000;
const LIMIT = 10;

const files = await testDatabase();
const pool = new pg.Pool({ connectionString: files.appUrl, max: 1 });
const app = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });

afterAll(async () => {
  await app.destroy();
  await files.drop();
});

/** One entry in a hundred is rare in each of the ways to filter; they are spread over the log. */
const { tenantId, actorId } = await withClient(files.ownerUrl, async (owner) => {
  const ids = { tenantId: Bun.randomUUIDv7(), actorId: Bun.randomUUIDv7() };
  await owner.query(
    `insert into identity.tenants (tenant_id, slug, name)
     select case n when 1 then $1::uuid else gen_random_uuid() end, 'tenant-' || n, 'Tenant'
     from generate_series(1, ${TENANTS}) n`,
    [ids.tenantId],
  );
  await owner.query(
    `insert into identity.audit_log (tenant_id, audit_id, occurred_at, actor_id, request_id, entity,
                                     entity_id, action)
     select tenant_id, gen_random_uuid(), now() - n * interval '1 minute',
            case n % 100 when 0 then $1::uuid else tenant_id end, 'r',
            case n % 100 when 1 then 'apiKey' else 'user' end, gen_random_uuid(),
            case n % 100 when 2 then 'disabled' else 'updated' end
     from identity.tenants, generate_series(1, ${ENTRIES}) n`,
    [ids.actorId],
  );
  await owner.query("analyze");
  return ids;
});

/** From which indexes a page is read as crm_app, and how many entries of each. */
async function reads(filter: AuditFilter): Promise<Record<string, number>> {
  return app.transaction().execute(async (db) => {
    await sql`select set_config('app.tenant_id', ${tenantId}, true)`.execute(db);
    const position = { occurredAt: new Date().toISOString(), id: tenantId };
    return readsOf(db, "identity", async () => {
      const found = await listAuditEntries(
        db.withTables<never>(),
        "identity",
        tenantId,
        filter,
        LIMIT,
        position,
      );
      expect(found).toHaveLength(LIMIT + 1);
    });
  });
}

test.each<[string, AuditFilter]>([
  ["audit_log_by_time", {}],
  ["audit_log_by_time", { from: new Date(Date.now() - 86_400_000), to: new Date() }],
  ["audit_log_by_actor", { actorId }],
  ["audit_log_by_entity", { entity: "apiKey" }],
  ["audit_log_by_action", { action: "disabled" }],
])("a page is read from %s alone, and no more than the page: %j", async (index, filter) => {
  expect(await reads(filter)).toEqual({ [index]: LIMIT + 1 });
});

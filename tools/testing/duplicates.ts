import { findDuplicates } from "../../crm-svc/src/duplicates/job.ts";
import { withClient } from "../local/database.ts";
import { eventually } from "./eventually.ts";
import type { TestServices } from "./services.ts";

const WITHIN_MS = 30_000;

/** Has the tenant's contacts that changed compared now, and not when the minute is full. */
export async function compareQueued(
  { database }: Pick<TestServices, "database">,
  tenantId: string,
): Promise<void> {
  await withClient(database.ownerUrl, async (owner) => {
    await owner.query(
      `SELECT FROM graphile_worker.add_job($1, json_build_object(
         'tenantId', $2::uuid, 'requestId', 'compare-queued', 'input', '{}'::json))`,
      [findDuplicates.name, tenantId],
    );
    await eventually(async () => {
      const { rows } = await owner.query(
        "SELECT FROM crm.duplicate_queue WHERE tenant_id = $1 LIMIT 1",
        [tenantId],
      );
      return rows.length === 0;
    }, WITHIN_MS);
  });
}

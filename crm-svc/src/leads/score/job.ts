import type { JobScope } from "@crm/platform/jobs";
import { z } from "zod";
import { findLeadSettings } from "../../lead-settings/queries.ts";
import { type CrmServices, job } from "../../services.ts";
import type { DB } from "../../tables.gen.ts";
import { keepScoresOf } from "./keep.ts";
import { lockNext, lockStale, tenantsWithLeadsToScore, tenantsWithOpenLeads } from "./queries.ts";

/** Leads that are locked and scored at a time: a fraction of a second's work. */
const BATCH = 500;
const DUE_TIMEOUT_MS = 10_000;
const NO_ID = "00000000-0000-0000-0000-000000000000";

/** Scores the leads again of which something that the score rests on has changed. */
export const scoreStaleLeads = job({
  name: "leads.scoreStale",
  input: z.strictObject({}),
  schedule: {
    everyMinutes: 1,
    due: ({ database }: CrmServices) =>
      tenantsWithLeadsToScore(database.outsideTenants(Date.now() + DUE_TIMEOUT_MS)),
  },
  async run(scope) {
    while ((await scoreSome(scope, (db) => lockStale(db, scope.tenantId, BATCH))).length > 0);
  },
});

/** Scores all open leads of a tenant: every night, since time alone changes scores, and with the rules. */
export const scoreAllLeads = job({
  name: "leads.scoreAll",
  input: z.strictObject({}),
  schedule: {
    everyMinutes: 1_440,
    due: ({ database }: CrmServices) =>
      tenantsWithOpenLeads(database.outsideTenants(Date.now() + DUE_TIMEOUT_MS)),
  },
  async run(scope) {
    for (let after: string | undefined = NO_ID; after !== undefined; ) {
      const last: string = after;
      const ids = await scoreSome(scope, (db) => lockNext(db, scope.tenantId, last, BATCH));
      after = ids.at(-1);
    }
  },
});

/** Scores are no changes of the leads, so nothing of it goes into the audit log. */
function scoreSome(
  { context, tenantId, change }: JobScope<CrmServices, DB>,
  lock: (db: Parameters<typeof findLeadSettings>[0]) => Promise<string[]>,
): Promise<string[]> {
  context.signal.throwIfAborted();
  return change(async (db) => {
    const ids = await lock(db);
    if (ids.length > 0) {
      const { scoring } = await findLeadSettings(db, tenantId);
      await keepScoresOf(db, tenantId, ids, scoring);
    }
    return { output: ids, audit: [] };
  });
}

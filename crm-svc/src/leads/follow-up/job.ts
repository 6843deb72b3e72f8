import type { AuditEntry } from "@crm/platform/audit";
import { z } from "zod";
import { insertInteraction } from "../../interactions/queries.ts";
import { newInteraction } from "../../interactions/rules.ts";
import { findLeadSettings } from "../../lead-settings/queries.ts";
import { type CrmServices, job } from "../../services.ts";
import { changeEntry } from "../refusals.ts";
import { tenantsWithOpenLeads } from "../score/queries.ts";
import { flagLead, lockNeglected } from "./queries.ts";

/** Leads that are flagged in one transaction. */
const BATCH = 100;
const DUE_TIMEOUT_MS = 10_000;

/**
 * Flags the open leads that nobody has done anything about for as many days as the settings say, and
 * makes a task for the assignee of each. Once: flag and task are one transaction that holds the lead, and
 * a flagged lead is not looked at again until some activity has cleared it.
 */
export const flagNeglectedLeads = job({
  name: "leads.followUp",
  input: z.strictObject({}),
  schedule: {
    everyMinutes: 60,
    due: ({ database }: CrmServices) =>
      tenantsWithOpenLeads(database.outsideTenants(Date.now() + DUE_TIMEOUT_MS)),
  },
  async run({ context, tenantId, db, change }) {
    const { inactiveDays: days } = await findLeadSettings(db, tenantId);
    for (let flagged = BATCH; flagged === BATCH; ) {
      context.signal.throwIfAborted();
      flagged = await change(async (transaction) => {
        const audit: AuditEntry[] = [];
        const leads = await lockNeglected(transaction, tenantId, days, BATCH);
        for (const lead of leads) {
          const task = await insertInteraction(transaction, tenantId, {
            id: Bun.randomUUIDv7(),
            userId: lead.assignedUserId,
            values: {
              ...newInteraction({ type: "task", contactId: lead.contactId }, new Date()),
              subject: `Follow up: ${lead.title}`,
              metadata: { leadId: lead.id },
            },
          });
          const after = await flagLead(transaction, tenantId, lead.id, { days, taskId: task.id });
          audit.push(changeEntry("needsFollowUp", lead, after), {
            entity: "interaction",
            entityId: task.id,
            action: "created",
            before: null,
            after: task,
          });
        }
        return { output: leads.length, audit };
      });
    }
  },
});

import type { AuditEntry } from "@crm/platform/audit";
import { Failure } from "@crm/platform/errors";
import { write } from "../../services.ts";
import { findUserStatus } from "../queries.ts";
import { refuseForeignAssignee, refuseUnfitAssignee } from "../refusals.ts";
import { reassignLeads } from "./queries.ts";
import { reassigned, reassignInput } from "./schema.ts";

/** Leads that change hands in one transaction: some seconds' work. */
const MOST = 10_000;

/**
 * Gives all open leads of a user, be they disabled or not, to another; at most 10,000 at a time: `count`
 * tells whether to ask again. Throws `notFound` for a user who is not there, `invalid` for giving them to
 * a disabled one.
 */
export const reassign = write({
  name: "leads.reassign",
  access: "leads:update",
  input: reassignInput,
  output: reassigned,
  async run({ db, actor, ownerOnly }, input) {
    const { tenantId } = actor;
    const { from, to } = input;
    refuseForeignAssignee(from, ownerOnly);
    refuseForeignAssignee(to, ownerOnly);
    if ((await findUserStatus(db, tenantId, from)) === null) {
      throw new Failure("notFound", "not_found", "There is no such user to take leads from.", {
        fields: [{ path: "from", code: "not_found", message: "is not a user" }],
      });
    }
    await refuseUnfitAssignee(db, tenantId, to, "to");
    const moved = await reassignLeads(db, tenantId, input, MOST);
    return {
      output: { from, to, count: moved.length },
      audit: moved.map(
        ({ id }): AuditEntry => ({
          entity: "lead",
          entityId: id,
          action: "reassigned",
          before: { assignedUserId: from },
          after: { assignedUserId: to },
        }),
      ),
    };
  },
});

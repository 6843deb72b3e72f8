import type { AuditEntry } from "@crm/platform/audit";
import { changedFields } from "@crm/platform/audit";
import { Failure, type FieldFault, invalid, notFound, stale } from "@crm/platform/errors";
import type { Kysely } from "kysely";
import type { DB } from "../tables.gen.ts";
import { findUserStatus } from "./queries.ts";
import type { Lead } from "./schema.ts";

/** The lead to change. Throws `notFound`, and `stale` if an expected version is not the current. */
export function current(row: Lead | null, expectedVersion: number | undefined): Lead {
  if (row === null) throw notFound("lead");
  if (expectedVersion !== undefined && expectedVersion !== row.version) throw stale(row.version);
  return row;
}

/** Throws `invalid` if there are faults; in RPC and in operations the fields are `lead`'s. */
export function refuseFaults(faults: readonly FieldFault[]): void {
  if (faults.length === 0) return;
  throw invalid(faults.map((fault) => ({ ...fault, path: `lead.${fault.path}` })));
}

/** With the scope `own` a lead can be made or kept one's own, but not given away. */
export function refuseForeignAssignee(assigneeId: string | null, ownerOnly: string | null): void {
  if (ownerOnly === null || assigneeId === ownerOnly) return;
  const message = "Your role may only have leads assigned to you, not to others.";
  throw new Failure("forbidden", "forbidden", message);
}

/**
 * Throws `notFound` for an assignee who is not there or another tenant's, and `invalid` for one who is
 * disabled. `path` names the field, as an operation's input has it.
 */
export async function refuseUnfitAssignee(
  db: Kysely<DB>,
  tenantId: string,
  assigneeId: string | null,
  path = "lead.assignedUserId",
): Promise<void> {
  if (assigneeId === null) return;
  const status = await findUserStatus(db, tenantId, assigneeId);
  if (status === null) {
    throw new Failure("notFound", "not_found", "There is no such user to assign the lead to.", {
      fields: [{ path: path.replace(/^lead\./, ""), code: "not_found", message: "is not a user" }],
    });
  }
  if (status === "disabled") {
    const message = "is a disabled user: choose another, or enable them";
    throw invalid([{ path, code: "disabled", message }]);
  }
}

/** Won and lost leads are history: what would change it is refused. */
export function refuseClosed(lead: Lead): void {
  if (lead.status !== "won" && lead.status !== "lost") return;
  const message =
    lead.status === "won"
      ? "The lead is won: its contact and its probability stay."
      : "The lead is lost: reopen it first, by a transition.";
  throw new Failure("wrongState", "lead_closed", message, { facts: { leadStatus: lead.status } });
}

/** What a lead's score and follow-up say is no change of it. */
function told(lead: Lead) {
  const {
    version: _version,
    updatedAt: _updated,
    score: _score,
    lastActivityAt: _at,
    ...rest
  } = lead;
  return rest;
}

/** A change of a lead, as the audit log keeps it. */
export function changeEntry(action: string, before: Lead, after: Lead): AuditEntry {
  const changed = changedFields(told(before), told(after)) ?? { before: {}, after: {} };
  return { entity: "lead", entityId: after.id, action, ...changed };
}

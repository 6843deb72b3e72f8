import type { AuditEntry } from "@crm/platform/audit";
import type { JobScope } from "@crm/platform/jobs";
import type { ContactValues } from "../contacts/schema.ts";
import type { RowFault } from "../csv/schema.ts";
import type { CrmServices } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { auditEntry } from "./audit.ts";
import { insertErrors, updateContacts } from "./batch-queries.ts";
import type { Unfinished } from "./queries.ts";
import * as queries from "./queries.ts";
import type { Outcome } from "./undo-queries.ts";
import * as results from "./undo-queries.ts";

const AT_ONCE = 500;

/**
 * Takes back what an import did, some hundred contacts a transaction: those that it made are deleted,
 * those that it changed get their former values. What somebody has changed since, or worked with, is
 * kept, and told of among the errors.
 */
export async function undoSome(
  { context, tenantId, change }: JobScope<CrmServices, DB>,
  next: Unfinished,
  until: number,
): Promise<void> {
  for (let more = true; more && performance.now() < until; ) {
    context.signal.throwIfAborted();
    more = await change(async (db) => {
      if ((await queries.lockStatus(db, next)) !== "undoing") return { output: false, audit: [] };
      const outcomes = await results.lockResults(db, next, AT_ONCE);
      if (outcomes.length === 0) {
        const undone = await queries.setStatus(db, next, "undone");
        const audit = auditEntry("undone", undone);
        return { output: false, audit, actorId: next.actorId };
      }
      const { remove, restore, kept, audit } = decide(outcomes);
      await results.deleteContacts(db, tenantId, remove);
      await updateContacts(db, tenantId, restore);
      await insertErrors(db, next, kept);
      await results.settle(db, next, outcomes, {
        removed: remove.length,
        restored: restore.length,
        kept: kept.length,
      });
      return { output: true, audit, actorId: next.actorId };
    }, next.requestId);
  }
}

function decide(outcomes: readonly Outcome[]) {
  const remove: string[] = [];
  const restore: { id: string; values: ContactValues }[] = [];
  const kept: RowFault[] = [];
  const audit: AuditEntry[] = [];
  for (const outcome of outcomes) {
    const { contact, line, before } = outcome;
    const entry = { entity: "contact", entityId: contact.id };
    const reason = reasonToKeep(outcome);
    if (reason !== null) {
      kept.push({ line, column: null, value: contact.id, reason });
    } else if (before === null) {
      remove.push(contact.id);
      audit.push({ ...entry, action: "deleted", before: contact, after: null });
    } else {
      const { id, version: _, createdAt, updatedAt, ...values } = contact;
      const fields = Object.keys(before);
      restore.push({ id, values: { ...values, ...before } });
      audit.push({
        ...entry,
        action: "updated",
        before: Object.fromEntries(fields.map((name) => [name, Reflect.get(values, name)])),
        after: before,
      });
    }
  }
  return { remove, restore, kept, audit };
}

function reasonToKeep({ contact, version, deleted, inUse }: Outcome): string | null {
  if (deleted) return "was deleted or merged since, so it was left as it is";
  if (contact.version !== version) return "was changed since the import, so it was kept";
  return inUse ? "has interactions or leads since the import, so it was kept" : null;
}

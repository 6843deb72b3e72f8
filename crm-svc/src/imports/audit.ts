import type { AuditEntry } from "@crm/platform/audit";
import type { ContactImport } from "./schema.ts";

/** What became of an import; its contacts have entries of their own. */
export function auditEntry(action: string, after: ContactImport): AuditEntry {
  const { id, status, mode, dryRun, fileName, rowsTotal, rowsRead } = after;
  const { created, updated, skipped, failed, removed, restored, kept } = after;
  return {
    entity: "import",
    entityId: id,
    action,
    before: null,
    after: {
      ...{ status, mode, dryRun, fileName, rowsTotal, rowsRead },
      ...{ created, updated, skipped, failed, removed, restored, kept },
    },
  };
}

import type { AuditEntry } from "@crm/platform/audit";
import { findContactSettings } from "../contact-fields/queries.ts";
import { filterJson } from "../contacts/filters.ts";
import { reachWith } from "../contacts/refusals.ts";
import { headerLine } from "../csv/write.ts";
import { collectBehind } from "../memory.ts";
import { stream } from "../services.ts";
import { contactLines, type ExportPage } from "./queries.ts";
import {
  exportChunk,
  exportInput,
  LEAST_ROWS,
  MAX_CHUNK_BYTES,
  MOST_ROWS,
  PAGE_BYTES,
} from "./schema.ts";

/**
 * The contacts that all filters let through, newest first, as the bytes of a CSV file that an import
 * restores them from. Page by page, each by itself: a contact that is changed meanwhile is as it was
 * before or after the change, one that is deleted may be missing, and one that is added is not there.
 *
 * It is a mass read of personal data: the audit log tells when it began, and how it ended. It shows no
 * contact that the caller may not read. Throws `forbidden` if these are all.
 */
export const exportContacts = stream({
  name: "contacts.export",
  access: "contacts:export",
  input: exportInput,
  item: exportChunk,
  async *run({ db, actor, ownerOnly, change }, filter) {
    const { tenantId } = actor;
    const exportId = Bun.randomUUIDv7();
    const ownedBy = reachWith("contacts:read", actor, ownerOnly);
    const { fields } = await findContactSettings(db, tenantId);
    const json = await filterJson(db, { tenantId, ownedBy }, filter);
    let rows = 0;
    let complete = false;

    async function note(action: "started" | "ended", after: AuditEntry["after"]): Promise<void> {
      await change(async () => ({
        output: undefined,
        audit: { entity: "contactExport", entityId: exportId, action, before: null, after },
        events: [
          {
            event: `contact_export_${action}`,
            severity: "info",
            userId: actor.userId,
            details: { exportId, rows, ...(action === "ended" && { complete: String(complete) }) },
          },
        ],
      }));
    }

    await note("started", { filter });
    try {
      yield* pieces(headerLine(fields));
      let page: ExportPage | null = null;
      for (let limit = 100; ; ) {
        page = await contactLines(db, tenantId, json, fields, limit, page);
        if (page === null) break;
        rows += page.rows;
        yield* pieces(page.lines);
        collectBehind(page.lines.length);
        const fitting = Math.floor((PAGE_BYTES * page.rows) / page.lines.length);
        limit = Math.min(Math.max(fitting, LEAST_ROWS), MOST_ROWS);
      }
      complete = true;
    } finally {
      await note("ended", { rows, complete });
    }
  },
});

function* pieces(text: string): Generator<Uint8Array<ArrayBuffer>> {
  const bytes = new TextEncoder().encode(text);
  for (let from = 0; from < bytes.length; from += MAX_CHUNK_BYTES) {
    yield bytes.subarray(from, from + MAX_CHUNK_BYTES);
  }
}

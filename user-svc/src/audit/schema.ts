import { id, moment, text, timestamp } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";

export const auditEntry = z.strictObject({
  id: z.uuid(),
  occurredAt: timestamp,
  actorId: z.uuid().nullable(),
  requestId: z.string(),
  entity: z.string(),
  entityId: z.uuid(),
  action: z.string(),
  before: z.record(z.string(), z.json()).nullable(),
  after: z.record(z.string(), z.json()).nullable(),
});

export const auditPage = pageOf(auditEntry);

/** From a moment on, until before another. */
export const listAuditInput = z.strictObject({
  entity: text(50).optional(),
  entityId: id.optional(),
  actorId: id.optional(),
  action: text(50).optional(),
  from: moment.optional(),
  to: moment.optional(),
  ...pageInput,
});

export type AuditEntry = z.output<typeof auditEntry>;
export type AuditFilter = Omit<z.output<typeof listAuditInput>, "limit" | "cursor">;

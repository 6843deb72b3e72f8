import { likelihoodOf } from "./rules.ts";
import type { Lead, LeadStatus, LeadValues } from "./schema.ts";

/** What of crm.leads a lead is made of. */
export const leadColumns = [
  "lead_id",
  "contact_id",
  "title",
  "value",
  "currency",
  "probability",
  "likelihood",
  "expected_close_at",
  "assigned_user_id",
  "source",
  "status",
  "status_since",
  "lost_reason",
  "customer_id",
  "score",
  "last_activity_at",
  "follow_up_since",
  "snoozed_until",
  "snooze_reason",
  "version",
  "created_at",
  "updated_at",
] as const;

/** The same for a query that joins other tables. */
export const joinedColumns = leadColumns.map((column) => `leads.${column}` as const);

/** What a row holds of a lead's values; how likely it is follows from its status, too. */
export function rowOf(values: LeadValues, status: LeadStatus) {
  return {
    contact_id: values.contactId,
    title: values.title,
    value: values.value?.amount ?? null,
    currency: values.value?.currency ?? null,
    probability: values.probability,
    likelihood: likelihoodOf(status, values.probability),
    expected_close_at: values.expectedCloseAt,
    assigned_user_id: values.assignedUserId,
    source: values.source,
  };
}

export interface LeadRow {
  readonly lead_id: string;
  readonly contact_id: string;
  readonly title: string;
  /** As text, because no float holds all that numeric does. */
  readonly value: string | null;
  readonly currency: string | null;
  readonly probability: number | null;
  readonly likelihood: number;
  readonly expected_close_at: Date | null;
  readonly assigned_user_id: string | null;
  readonly source: string | null;
  readonly status: string;
  readonly status_since: Date;
  readonly lost_reason: string | null;
  readonly customer_id: string | null;
  readonly score: number;
  readonly last_activity_at: Date;
  readonly follow_up_since: Date | null;
  readonly snoozed_until: Date | null;
  readonly snooze_reason: string | null;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** The status, and that a value has its currency, are the table's CHECKs, which the types cannot see. */
export function leadOf(row: LeadRow): Lead {
  const { value: amount, currency } = row;
  return {
    id: row.lead_id,
    contactId: row.contact_id,
    title: row.title,
    value: amount === null || currency === null ? null : { amount, currency },
    probability: row.likelihood,
    probabilitySetBy: row.probability === null ? "status" : "person",
    expectedCloseAt: row.expected_close_at?.toISOString() ?? null,
    assignedUserId: row.assigned_user_id,
    source: row.source,
    status: row.status as LeadStatus,
    statusSince: row.status_since.toISOString(),
    lostReason: row.lost_reason,
    customerId: row.customer_id,
    score: row.score,
    lastActivityAt: row.last_activity_at.toISOString(),
    needsFollowUp: row.follow_up_since !== null,
    followUpSince: row.follow_up_since?.toISOString() ?? null,
    snoozedUntil: row.snoozed_until?.toISOString() ?? null,
    snoozeReason: row.snooze_reason,
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

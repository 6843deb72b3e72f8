import { missingOf } from "./rules.ts";
import type { Interaction, InteractionValues } from "./schema.ts";

/** What of crm.interactions an interaction is made of. */
export const interactionColumns = [
  "interaction_id",
  "contact_id",
  "type",
  "direction",
  "subject",
  "body",
  "occurred_at",
  "duration_seconds",
  "outcome",
  "metadata",
  "participant_name",
  "participant_email",
  "participant_phone",
  "user_id",
  "missing",
  "assigned_to",
  "claimed_by",
  "claimed_until",
  "dismissed_at",
  "dismissed_reason",
  "version",
  "created_at",
  "updated_at",
] as const;

/** The same for a query that joins other tables. */
export const joinedColumns = interactionColumns.map((column) => `interactions.${column}` as const);

/** What a row holds of an interaction's values, and what is missing of them. */
export function rowOf(values: InteractionValues) {
  return {
    contact_id: values.contactId,
    type: values.type,
    direction: values.direction,
    subject: values.subject,
    body: values.body,
    occurred_at: values.occurredAt,
    duration_seconds: values.durationSeconds,
    outcome: values.outcome,
    metadata: JSON.stringify(values.metadata),
    participant_name: values.participant?.name ?? null,
    participant_email: values.participant?.email ?? null,
    participant_phone: values.participant?.phone ?? null,
    missing: missingOf(values),
  };
}

export interface InteractionRow {
  readonly interaction_id: string;
  readonly contact_id: string | null;
  readonly type: string;
  readonly direction: string | null;
  readonly subject: string | null;
  readonly body: string | null;
  readonly occurred_at: Date;
  readonly duration_seconds: number | null;
  readonly outcome: string | null;
  readonly metadata: unknown;
  readonly participant_name: string | null;
  readonly participant_email: string | null;
  readonly participant_phone: string | null;
  readonly user_id: string | null;
  readonly missing: string[];
  readonly assigned_to: string | null;
  readonly claimed_by: string | null;
  readonly claimed_until: Date | null;
  readonly dismissed_at: Date | null;
  readonly dismissed_reason: string | null;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Type, direction, the names of what is missing, and that `metadata` is an object, are the table's CHECKs. */
export function interactionOf(row: InteractionRow): Interaction {
  const participant = {
    name: row.participant_name,
    email: row.participant_email,
    phone: row.participant_phone,
  };
  return {
    id: row.interaction_id,
    type: row.type as Interaction["type"],
    direction: row.direction as Interaction["direction"],
    contactId: row.contact_id,
    participant: Object.values(participant).some((part) => part !== null) ? participant : null,
    subject: row.subject,
    body: row.body,
    occurredAt: row.occurred_at.toISOString(),
    durationSeconds: row.duration_seconds,
    outcome: row.outcome,
    metadata: row.metadata as Interaction["metadata"],
    userId: row.user_id,
    missing: row.missing as Interaction["missing"],
    review: reviewOf(row),
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

function reviewOf(row: InteractionRow): Interaction["review"] {
  if (row.dismissed_at === null && row.missing.length === 0) return null;
  const claimed = row.claimed_until !== null && row.claimed_until.getTime() > Date.now();
  return {
    status: row.dismissed_at === null ? "pending" : "dismissed",
    assignedTo: row.assigned_to,
    claimedBy: claimed ? row.claimed_by : null,
    claimedUntil: claimed ? (row.claimed_until?.toISOString() ?? null) : null,
    reason: row.dismissed_reason,
  };
}

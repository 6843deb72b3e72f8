import {
  email,
  expectedVersion,
  id,
  moment,
  text,
  timestamp,
  uuid,
  wholeNumber,
} from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";

export const INTERACTION_TYPES = [
  "call",
  "email",
  "meeting",
  "note",
  "task",
  "sms",
  "chat",
  "other",
] as const;
export const interactionType = z.enum(INTERACTION_TYPES);
export type InteractionType = z.output<typeof interactionType>;

export const direction = z.enum(["inbound", "outbound"]);

/** How interactions of each type can end. */
export const OUTCOMES = {
  call: ["connected", "voicemail", "noAnswer", "busy", "declined", "wrongNumber"],
  email: ["sent", "delivered", "bounced", "replied"],
  meeting: ["held", "noShow", "cancelled", "rescheduled"],
  note: [],
  task: ["open", "done", "cancelled"],
  sms: ["sent", "delivered", "bounced", "replied"],
  chat: ["answered", "missed"],
  other: ["successful", "unsuccessful"],
} as const satisfies Record<InteractionType, readonly string[]>;

/** One that any type has. */
export const outcome = z.enum([...new Set(Object.values(OUTCOMES).flat())]);

/** What can be missing of an interaction, by the names of its fields. */
export const missingField = z.enum(["contactId", "outcome", "durationSeconds"]);
export type MissingField = z.output<typeof missingField>;

/** The furthest in time that an interaction can be from now; its type says which. */
export const EARLIEST = Date.UTC(1970);
export const MAX_AHEAD_MS = 24 * 3_600_000;
export const MAX_TASK_AHEAD_MS = 5 * 366 * 24 * 3_600_000;

export const MAX_METADATA = { depth: 5, keys: 100, bytes: 16_384 } as const;

/** A week. */
export const durationSeconds = wholeNumber(0, 604_800);

const participant = {
  name: text(200).nullish(),
  email: email.nullish(),
  phone: text(50).nullish(),
};

/** The fields that people fill in. Null and absent are the same in a new interaction. */
const fields = {
  direction: direction.nullish(),
  contactId: id.nullish(),
  participant: z.strictObject(participant).nullish(),
  subject: text(300).nullish(),
  body: text(50_000).nullish(),
  occurredAt: moment.optional(),
  durationSeconds: durationSeconds.nullish(),
  /** Text, because which ones there are depends on the type; see outcomeFault. */
  outcome: text(50).nullish(),
  metadata: z.record(z.string(), z.json()).nullish(),
};

const patchFields = z.strictObject({ type: interactionType.optional(), ...fields });

export const createInput = z.strictObject({
  interaction: z.strictObject({ type: interactionType, ...fields }),
});
export const getInput = z.strictObject({ id });
export const deleteInput = z.strictObject({ id, expectedVersion });

/** RFC 7396: what is absent stays, null clears; participant and metadata are merged likewise. */
export const updateInput = z.strictObject({ id, interaction: patchFields, expectedVersion });

/** A user by their id; `me` is the caller. */
export const userFilter = z.union([z.literal("me"), uuid("must be a UUID, or me")]);

/** The filters of lists and reports; all of them together must hold. */
export const filterFields = {
  contactId: id.optional(),
  userId: userFilter.optional(),
  type: interactionType.optional(),
  outcome: outcome.optional(),
  direction: direction.optional(),
  /** From a moment on, until before another. */
  from: moment.optional(),
  to: moment.optional(),
};
export type InteractionFilter = z.output<z.ZodObject<typeof filterFields>>;

/** Refuses a period that ends before it begins. */
export function spanInOrder({ from, to }: Pick<InteractionFilter, "from" | "to">): boolean {
  return from === undefined || to === undefined || from < to;
}
export const SPAN_OUT_OF_ORDER = {
  path: ["to"],
  message: "must be later than from",
  params: { code: "too_small" },
};

export const listInput = z
  .strictObject({ ...filterFields, ...pageInput })
  .refine(spanInOrder, SPAN_OUT_OF_ORDER);

const nullableText = z.string().nullable();

export const interaction = z.strictObject({
  id: z.uuid(),
  type: interactionType,
  direction: direction.nullable(),
  contactId: z.uuid().nullable(),
  participant: z
    .strictObject({
      name: nullableText,
      email: nullableText,
      /** E.164; as it was entered, if it is no phone number. */
      phone: nullableText,
    })
    .nullable(),
  subject: nullableText,
  body: nullableText,
  occurredAt: timestamp,
  durationSeconds: z.int().nullable(),
  outcome: nullableText,
  metadata: z.record(z.string(), z.json()),
  userId: z.uuid().nullable(),
  missing: z.array(missingField),
  /** Null if nothing is missing, and nothing was when it was dismissed. */
  review: z
    .strictObject({
      status: z.enum(["pending", "dismissed"]),
      assignedTo: z.uuid().nullable(),
      claimedBy: z.uuid().nullable(),
      claimedUntil: timestamp.nullable(),
      reason: nullableText,
    })
    .nullable(),
  version: z.int(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export const interactionPage = pageOf(interaction);

export type Interaction = z.output<typeof interaction>;
export type InteractionFields = z.output<typeof patchFields>;
/** What an interaction holds beyond what the service keeps about it. */
export type InteractionValues = Pick<
  Interaction,
  | "type"
  | "direction"
  | "contactId"
  | "participant"
  | "subject"
  | "body"
  | "occurredAt"
  | "durationSeconds"
  | "outcome"
  | "metadata"
>;

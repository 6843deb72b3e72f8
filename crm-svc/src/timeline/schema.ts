import { id, moment, timestamp } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";
import {
  INTERACTION_TYPES,
  interaction,
  SPAN_OUT_OF_ORDER,
  spanInOrder,
} from "../interactions/schema.ts";

/** What a timeline is made of. */
export const KINDS = ["interaction", "lead", "conversion", "merge", "change"] as const;
const kind = z.enum(KINDS);
export type Kind = z.output<typeof kind>;

/** Entries of a kind, or interactions of a type; one value, or several as a repeated parameter has them. */
const type = z
  .preprocess(
    (given) => (typeof given === "string" ? [given] : given),
    z.array(z.enum([...KINDS, ...INTERACTION_TYPES])).max(50, "must be at most 50"),
  )
  .optional();

export const timelineInput = z
  .strictObject({
    id,
    type,
    /** From a moment on, until before another. */
    from: moment.optional(),
    to: moment.optional(),
    ...pageInput,
  })
  .refine(spanInOrder, SPAN_OUT_OF_ORDER);

const fields = z.record(z.string(), z.json()).nullable();

export const timelineEntry = z.strictObject({
  /** Of the interaction, or of the entry in the audit log. */
  id: z.uuid(),
  at: timestamp,
  kind,
  /** What was done, such as `updated`; of an interaction, its type. */
  action: z.string(),
  /** Who did it; null for what the service or a program did. */
  userId: z.uuid().nullable(),
  /** The contact that it happened to: the one that was asked for, or one that is part of it. */
  contactId: z.uuid(),
  leadId: z.uuid().nullable(),
  /** Of a change, the fields that it changed. */
  before: fields,
  after: fields,
  interaction: interaction.nullable(),
});
export type TimelineEntry = z.output<typeof timelineEntry>;

export const timelinePage = pageOf(timelineEntry);

import { id, text, uuid } from "@crm/platform/input";
import { pageInput } from "@crm/platform/pages";
import { z } from "zod";
import { reason } from "../../duplicates/schema.ts";
import { durationSeconds, interaction, missingField } from "../schema.ts";

/** How long others are kept from an interaction that somebody has claimed. */
export const CLAIM_MINUTES = 15;

/** More than these help nobody to decide. */
export const MAX_CANDIDATES = 20;

export const queueInput = z.strictObject({
  /** `none`: those that are nobody's yet. */
  assignedTo: z.union([z.enum(["me", "none"]), uuid("must be a UUID, me or none")]).optional(),
  missing: missingField.optional(),
  ...pageInput,
});

const ACTIONS = ["claim", "assign", "match", "complete", "dismiss"] as const;

export const reviewInput = z.discriminatedUnion(
  "action",
  [
    z.strictObject({ id, action: z.literal("claim") }),
    z.strictObject({ id, action: z.literal("assign"), assignedTo: id.nullable() }),
    z.strictObject({ id, action: z.literal("match"), contactId: id }),
    z.strictObject({
      id,
      action: z.literal("complete"),
      contactId: id.optional(),
      outcome: text(50).optional(),
      durationSeconds: durationSeconds.optional(),
    }),
    z.strictObject({ id, action: z.literal("dismiss"), reason: text(500) }),
  ],
  `must be one of ${ACTIONS.join(", ")}`,
);
export type Review = z.output<typeof reviewInput>;

export const claimNextInput = z.strictObject({});
export const claimed = interaction.nullable();

export const candidatesInput = z.strictObject({ id });

export const candidates = z.strictObject({
  items: z.array(
    z.strictObject({
      contactId: z.uuid(),
      firstName: z.string().nullable(),
      lastName: z.string().nullable(),
      company: z.string().nullable(),
      email: z.string().nullable(),
      phone: z.string().nullable(),
      /** From 0 to 1: how likely it is this one. */
      score: z.number(),
      reasons: z.array(reason),
    }),
  ),
});

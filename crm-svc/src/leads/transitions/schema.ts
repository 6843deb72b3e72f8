import { expectedVersion, id, text, timestamp } from "@crm/platform/input";
import { z } from "zod";
import { leadStatus } from "../schema.ts";

export const transitionInput = z
  .strictObject({
    id,
    to: leadStatus,
    /** Why; of a lost lead it must be said. */
    reason: text(500).nullish(),
    note: text(2_000).nullish(),
    expectedVersion,
  })
  .refine(({ to, reason }) => to !== "lost" || typeof reason === "string", {
    path: ["reason"],
    message: "is required: say why the lead is lost",
    params: { code: "required" },
  });

export const historyInput = z.strictObject({ id });

const transition = z.strictObject({
  /** Counts from 1. */
  number: z.int(),
  /** Null in the first one, which tells how the lead began. */
  from: leadStatus.nullable(),
  to: leadStatus,
  reason: z.string().nullable(),
  note: z.string().nullable(),
  /** Null for a program with an API key. */
  userId: z.uuid().nullable(),
  at: timestamp,
  /** How long the lead was in `from`. */
  lastedSeconds: z.number().nullable(),
});
export type Transition = z.output<typeof transition>;

export const history = z.strictObject({
  leadId: z.uuid(),
  /** Oldest first. */
  transitions: z.array(transition),
  /** Every status that the lead was in, all its times there together; until now, in the current one. */
  timeInStatus: z.array(z.strictObject({ status: leadStatus, seconds: z.number() })),
});
export type History = z.output<typeof history>;

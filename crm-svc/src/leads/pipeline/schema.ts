import { moment, timestamp } from "@crm/platform/input";
import { z } from "zod";
import { assigneeFilter, leadStatus, money } from "../schema.ts";

/** By how much a client's clock may be ahead of ours. */
const SKEW_MS = 60_000;

export const pipelineInput = z.strictObject({
  asOf: moment
    .refine((at) => at.getTime() <= Date.now() + SKEW_MS, {
      message: "must not be in the future",
      params: { code: "too_late" },
    })
    .optional(),
  assignedUserId: assigneeFilter.optional(),
});

export const pipeline = z.strictObject({
  asOf: timestamp,
  /** Every status, in the order of the pipeline. */
  statuses: z.array(
    z.strictObject({
      status: leadStatus,
      /** Leads in it, with a value or without. */
      count: z.int(),
      /** Since when the leads are in this status, in days; of an even number, the mean of the middle two. */
      medianDaysInStatus: z.number().nullable(),
      /** By currency, which are never added to each other. */
      values: z.array(
        z.strictObject({
          currency: z.string(),
          /** Of the leads that have a value in it. */
          count: z.int(),
          value: money,
          /** The values times their probabilities, rounded to hundredths in the end. */
          weightedValue: money,
        }),
      ),
    }),
  ),
});
export type Pipeline = z.output<typeof pipeline>;

import { moment } from "@crm/platform/input";
import { z } from "zod";
import { leadStatus, money, spanInOrder } from "../schema.ts";

export const groupBy = z.enum(["source", "user", "month"]);
export type GroupBy = z.output<typeof groupBy>;

export const metricsInput = z
  .strictObject({ groupBy, from: moment.optional(), to: moment.optional() })
  .refine(...spanInOrder("from", "to"));

const figures = z.strictObject({
  /** Null for leads that have none, and for the total. */
  key: z.string().nullable(),
  created: z.int(),
  open: z.int(),
  won: z.int(),
  lost: z.int(),
  /** Won of all. */
  conversionRate: z.number().nullable(),
  /** Won of those decided. */
  winRate: z.number().nullable(),
  /** From creation to winning, of the won ones; interpolated between the two nearest. */
  medianCycleDays: z.number().nullable(),
  p90CycleDays: z.number().nullable(),
});
export type Figures = z.output<typeof figures>;

export const leadMetrics = z.strictObject({
  groupBy,
  /** IANA name: where months begin. */
  timeZone: z.string(),
  /** By key, the leads without one last. */
  items: z.array(figures),
  total: figures,
  /** How many have ever come to this stage or a later one, and which share of those of the one before. */
  funnel: z.array(
    z.strictObject({ status: leadStatus, reached: z.int(), rate: z.number().nullable() }),
  ),
  /** By the month of creation, oldest first; `wonAfterMonths` begins with that month. */
  cohorts: z.array(
    z.strictObject({
      month: z.string(),
      created: z.int(),
      won: z.int(),
      lost: z.int(),
      wonAfterMonths: z.array(z.int()),
    }),
  ),
  /** Of all open leads with a value, by the month that they are expected to close in, and by currency. */
  forecast: z.array(
    z.strictObject({
      month: z.string().nullable(),
      currency: z.string(),
      count: z.int(),
      weighted: money,
      best: money,
      /** Of those that are at least 75 percent likely. */
      worst: money,
    }),
  ),
});
export type LeadMetrics = z.output<typeof leadMetrics>;

/** In the worst case only leads that are at least so likely are won. */
export const CERTAIN_PERCENT = 75;

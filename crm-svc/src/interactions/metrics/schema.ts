import { z } from "zod";
import { filterFields, SPAN_OUT_OF_ORDER, spanInOrder } from "../schema.ts";

export const groupBy = z.enum(["type", "user", "outcome", "direction", "day", "week", "month"]);
export type GroupBy = z.output<typeof groupBy>;

export const metricsInput = z
  .strictObject({ groupBy, ...filterFields })
  .refine(spanInOrder, SPAN_OUT_OF_ORDER);

const figures = z.strictObject({
  /** Null for interactions that have none, and for the total. */
  group: z.string().nullable(),
  count: z.int(),
  /** Of those that have a duration. */
  durationSeconds: z.strictObject({
    count: z.int(),
    total: z.number(),
    average: z.number().nullable(),
    /** Of an even number, the mean of the two in the middle. */
    median: z.number().nullable(),
  }),
  /** The commonest first; `rate` is of those that have an outcome. */
  outcomes: z.array(z.strictObject({ outcome: z.string(), count: z.int(), rate: z.number() })),
});
export type Figures = z.output<typeof figures>;

export const metrics = z.strictObject({
  groupBy,
  /** IANA name: where days, weeks (ISO 8601) and months begin. */
  timeZone: z.string(),
  /** By group; those without any interaction are left out. */
  items: z.array(figures),
  total: figures,
});

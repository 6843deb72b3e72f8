import { id, text, wholeNumber } from "@crm/platform/input";
import { z } from "zod";
import { amount, type LeadStatus, type Money } from "../schema.ts";

/** What a score is made of, in the order that it is told in. */
export const SCORE_RULES = ["completeness", "engagement", "value", "source", "stage"] as const;
export type ScoreRule = (typeof SCORE_RULES)[number];

const weight = wholeNumber(0, 100);
const weights = z.strictObject({
  completeness: weight,
  engagement: weight,
  value: weight,
  source: weight,
  stage: weight,
});

/** How a tenant has its leads scored. */
export const scoringInput = z.strictObject({
  /** How much each rule counts, against the others. */
  weights: weights.refine((given) => Object.values(given).some((each) => each > 0), {
    message: "one at least must be above 0",
    params: { code: "too_small" },
  }),
  /** After so many days an interaction counts half. */
  halfLifeDays: wholeNumber(1, 365),
  /** From this amount on, whatever its currency, a lead has all that the value is worth. */
  fullValue: amount.refine((written) => Number(written) >= 1, {
    message: "must be at least 1",
    params: { code: "too_small" },
  }),
  /** What leads of a source are worth, in percent; of any other source that is known, 50. */
  sources: z
    .array(z.strictObject({ source: text(100), percent: wholeNumber(0, 100) }))
    .max(100, "must be at most 100")
    .refine((list) => new Set(list.map(({ source }) => source)).size === list.length, {
      message: "must not name a source twice",
      params: { code: "duplicate" },
    })
    .default([]),
});

export const scoring = z.strictObject({
  weights: z.strictObject({
    completeness: z.int(),
    engagement: z.int(),
    value: z.int(),
    source: z.int(),
    stage: z.int(),
  }),
  halfLifeDays: z.int(),
  fullValue: z.string(),
  sources: z.array(z.strictObject({ source: z.string(), percent: z.int() })),
});
export type Scoring = z.output<typeof scoring>;

export const scoreInput = z.strictObject({ id });

const part = z.strictObject({
  rule: z.enum(SCORE_RULES),
  /** What it gives, and what it could at most; the most of all rules together is 100. */
  points: z.number(),
  maxPoints: z.number(),
  /** In words, for people. */
  reason: z.string(),
});
export type ScorePart = z.output<typeof part>;

export const score = z.strictObject({
  leadId: z.uuid(),
  /** The sum of the parts' points, to the nearest whole number. */
  score: z.int(),
  parts: z.array(part),
});

/** Interactions of one kind. */
export interface Contacted {
  readonly type: string;
  readonly direction: string | null;
  readonly count: number;
  /** The same, each counting half for every half-life since. */
  readonly recent: number;
}

/** All that a score rests on. */
export interface ScoreFacts {
  readonly leadId: string;
  readonly status: LeadStatus;
  readonly daysInStatus: number;
  readonly value: Money | null;
  readonly source: string | null;
  /** Which facts of the contact are known. */
  readonly contact: Readonly<Record<(typeof CONTACT_FACTS)[number], boolean>>;
  /** Of the contact's newest 200 interactions; tasks only if they are done. */
  readonly contacted: readonly Contacted[];
}

export const CONTACT_FACTS = ["name", "email", "phone", "company", "title", "country"] as const;

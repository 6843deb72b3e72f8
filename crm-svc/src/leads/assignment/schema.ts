import { id, text } from "@crm/platform/input";
import { z } from "zod";
import { country } from "../../contacts/schema.ts";
import { amount, currency, type LeadValues } from "../schema.ts";

const MAX_RULES = 50;
const MAX_USERS = 200;

const userIds = z
  .array(id)
  .max(MAX_USERS, `must be at most ${MAX_USERS}`)
  .transform((list) => [...new Set(list)]);

function listOf<Item extends z.ZodType<string>>(item: Item) {
  return z
    .array(item)
    .max(50, "must be at most 50")
    .nullish()
    .transform((list) => [...new Set(list ?? [])]);
}

function orNull<Item extends z.ZodType>(item: Item) {
  return item.nullish().transform((value) => value ?? null);
}

const rule = z.strictObject({
  /** Tells one rule's turns from another's. */
  name: text(100),
  sources: listOf(text(100)),
  /** Of the contact's address. */
  countries: listOf(country),
  /** Of the lead's value; one without a value matches none that names anything of it. */
  currency: orNull(currency),
  minValue: orNull(amount),
  maxValue: orNull(amount),
  userIds: userIds.pipe(z.array(z.string()).min(1, "must name at least one user")),
});

/** Amounts always have two decimals. */
export function cents(written: string): bigint {
  return BigInt(written.replace(".", ""));
}

export const assignmentInput = z
  .strictObject({
    /** `manual`: whoever makes a lead has it. `roundRobin`: `userIds` in turn. `rules`: first these. */
    mode: z.enum(["manual", "roundRobin", "rules"]),
    userIds: userIds.nullish().transform((list) => list ?? []),
    rules: z
      .array(rule)
      .max(MAX_RULES, `must be at most ${MAX_RULES}`)
      .nullish()
      .transform((list) => list ?? []),
  })
  .superRefine(({ mode, userIds: turns, rules }, context) => {
    const fault = (path: PropertyKey[], code: string, message: string) =>
      context.addIssue({ code: "custom", path, message, params: { code } });
    if (mode === "roundRobin" && turns.length === 0) {
      fault(["userIds"], "required", "must name at least one user to go round");
    }
    if (mode === "rules" && rules.length === 0) {
      fault(["rules"], "required", "must have at least one rule");
    }
    for (const [at, { name, minValue, maxValue }] of rules.entries()) {
      if (rules.findIndex((each) => each.name === name) < at) {
        fault(["rules", at, "name"], "duplicate", "is the name of another rule");
      }
      if (minValue !== null && maxValue !== null && cents(minValue) > cents(maxValue)) {
        fault(["rules", at, "maxValue"], "too_small", "must not be below minValue");
      }
    }
  });

export const assignment = z.strictObject({
  mode: z.enum(["manual", "roundRobin", "rules"]),
  userIds: z.array(z.uuid()),
  rules: z.array(
    z.strictObject({
      name: z.string(),
      sources: z.array(z.string()),
      countries: z.array(z.string()),
      currency: z.string().nullable(),
      minValue: z.string().nullable(),
      maxValue: z.string().nullable(),
      userIds: z.array(z.uuid()),
    }),
  ),
});
export type Assignment = z.output<typeof assignment>;

/** Some users who get leads in turn; the name of the rule, or empty for those that no rule is for. */
export interface Rotation {
  readonly name: string;
  readonly userIds: readonly string[];
}

/** What rules look at. */
export type LeadFacts = Pick<LeadValues, "source" | "value">;

export const reassignInput = z
  .strictObject({
    from: id,
    to: id,
    /** Also those that are won or lost. */
    includeClosed: z.boolean().default(false),
  })
  .refine(({ from, to }) => from !== to, {
    path: ["to"],
    message: "must be another user than from",
    params: { code: "same_user" },
  });

export const reassigned = z.strictObject({
  from: z.uuid(),
  to: z.uuid(),
  /** How many leads changed hands. */
  count: z.int(),
});

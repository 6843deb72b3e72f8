import {
  expectedVersion,
  flag,
  id,
  moment,
  text,
  timestamp,
  uuid,
  wholeNumber,
} from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";

/** In the order of the pipeline; the last two end it. */
export const LEAD_STATUSES = [
  "new",
  "contacted",
  "qualified",
  "proposal",
  "negotiation",
  "won",
  "lost",
] as const;
export const leadStatus = z.enum(LEAD_STATUSES);
export type LeadStatus = z.output<typeof leadStatus>;

export const OPEN_STATUSES = ["new", "contacted", "qualified", "proposal", "negotiation"] as const;
export const openStatus = z.enum(OPEN_STATUSES);
export type OpenStatus = z.output<typeof openStatus>;

/** ISO 4217, those of former times as well: values may be old. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));

export const currency = z
  .string()
  .toUpperCase()
  .refine((code) => CURRENCIES.has(code), {
    message: "must be a currency of ISO 4217, such as EUR",
    params: { code: "unknown_currency" },
  });

/** What fits into numeric(18, 2); always with two decimals. Never a float on its way. */
export const amount = z
  .string()
  .trim()
  .regex(
    /^\d{1,16}(\.\d{1,2})?$/,
    "must be a decimal number in quotes, such as 1234.50: at most 16 digits, and 2 behind the point",
  )
  .transform((written) => {
    const [whole = "", cents = ""] = written.split(".");
    return `${whole.replace(/^0+(?=\d)/, "")}.${cents.padEnd(2, "0")}`;
  });

export const money = z.strictObject({ amount: z.string(), currency: z.string() });
export type Money = z.output<typeof money>;

const EARLIEST_CLOSE = Date.UTC(2000);
const LATEST_CLOSE = Date.UTC(2101);

const expectedCloseAt = moment.superRefine((at, context) => {
  const early = at.getTime() < EARLIEST_CLOSE;
  if (!early && at.getTime() < LATEST_CLOSE) return;
  context.addIssue({
    code: "custom",
    message: "must be from 2000 to 2100",
    params: { code: early ? "too_early" : "too_late" },
  });
});

const title = text(200);
const source = text(100);

/** The fields that people fill in. */
const fields = {
  /** A part that is absent stays; in a new lead there is nothing that could. */
  value: z.strictObject({ amount: amount.optional(), currency: currency.optional() }).nullish(),
  probability: wholeNumber(0, 100).nullish(),
  expectedCloseAt: expectedCloseAt.nullish(),
  assignedUserId: id.nullish(),
  source: source.nullish(),
};

const newFields = z.strictObject({
  contactId: id,
  title,
  ...fields,
  status: openStatus.optional(),
});
const patchFields = z.strictObject({
  contactId: id.optional(),
  title: title.optional(),
  ...fields,
});
export type NewLeadFields = z.output<typeof newFields>;
export type LeadPatch = z.output<typeof patchFields>;

export const createInput = z.strictObject({ lead: newFields });
export const getInput = z.strictObject({ id });
export const deleteInput = z.strictObject({ id, expectedVersion });

/** RFC 7396: what is absent stays, null clears; of the value, only what is named changes. */
export const updateInput = z.strictObject({ id, lead: patchFields, expectedVersion });

/** Whose leads: a user's, the caller's (`me`) or nobody's (`none`). */
export const assigneeFilter = z.union(
  [z.literal("me"), z.literal("none"), uuid()],
  "must be a UUID, me or none",
);

/** One value, or several as a query that repeats its parameter has them. */
const statuses = z
  .preprocess(
    (given) => (typeof given === "string" ? [given] : given),
    z.array(leadStatus).max(50, "must be at most 50"),
  )
  .optional();

const SORTS = ["createdAt", "updatedAt", "expectedCloseAt", "value", "score"] as const;
export type Sort = (typeof SORTS)[number];

/** The field to sort by, with a minus in front if descending. */
const sort = z
  .enum([...SORTS, "-createdAt", "-updatedAt", "-expectedCloseAt", "-value", "-score"])
  .default("-createdAt")
  .transform((written) => ({
    // The only other names are these with a minus.
    by: written.replace("-", "") as Sort,
    descending: written.startsWith("-"),
  }));

/** The filters of a list; all of them together must hold. A span is from a moment until before another. */
export const filterFields = {
  /** One of them. */
  status: statuses,
  assignedUserId: assigneeFilter.optional(),
  /** `disabled` finds the leads that somebody else should get. */
  assignedUserStatus: z.enum(["active", "invited", "disabled"]).optional(),
  contactId: id.optional(),
  source: source.optional(),
  createdFrom: moment.optional(),
  createdTo: moment.optional(),
  closeFrom: moment.optional(),
  closeTo: moment.optional(),
  /** Whatever the currency, unless that is given too. */
  minValue: amount.optional(),
  maxValue: amount.optional(),
  currency: currency.optional(),
  needsFollowUp: flag.optional(),
};
export type LeadFilter = z.output<z.ZodObject<typeof filterFields>>;

/** Refuses a span that ends before it begins, at the field that says its end. */
export function spanInOrder<Name extends string>(
  from: Name,
  to: Name,
): [
  (input: { readonly [Key in Name]?: Date | undefined }) => boolean,
  { path: string[]; message: string; params: { code: string } },
] {
  return [
    ({ [from]: start, [to]: end }) => start === undefined || end === undefined || start < end,
    { path: [to], message: `must be later than ${from}`, params: { code: "too_small" } },
  ];
}

export const listInput = z
  .strictObject({ ...filterFields, sort, ...pageInput })
  .refine(...spanInOrder("createdFrom", "createdTo"))
  .refine(...spanInOrder("closeFrom", "closeTo"));

export const lead = z.strictObject({
  id: z.uuid(),
  contactId: z.uuid(),
  title: z.string(),
  value: money.nullable(),
  /** Percent. */
  probability: z.int(),
  /** Who says the probability: the status implies it, or a person has set it. */
  probabilitySetBy: z.enum(["status", "person"]),
  expectedCloseAt: timestamp.nullable(),
  assignedUserId: z.uuid().nullable(),
  source: z.string().nullable(),
  status: leadStatus,
  statusSince: timestamp,
  /** Of a lost one, why. */
  lostReason: z.string().nullable(),
  /** Of a won one, whom it made or added to. */
  customerId: z.uuid().nullable(),
  /** 0 to 100; see GET /v1/leads/{id}/score. */
  score: z.int(),
  lastActivityAt: timestamp,
  needsFollowUp: z.boolean(),
  followUpSince: timestamp.nullable(),
  snoozedUntil: timestamp.nullable(),
  snoozeReason: z.string().nullable(),
  version: z.int(),
  createdAt: timestamp,
  updatedAt: timestamp,
});
export type Lead = z.output<typeof lead>;

export const leadPage = pageOf(lead);

/** What a lead holds that people fill in; `probability` is null where the status implies it. */
export interface LeadValues {
  readonly contactId: string;
  readonly title: string;
  readonly value: Money | null;
  readonly probability: number | null;
  readonly expectedCloseAt: string | null;
  readonly assignedUserId: string | null;
  readonly source: string | null;
}

import { type FieldFault, invalid, MAX_FAULTS } from "@crm/platform/errors";
import { email, flag, moment, text, uuid } from "@crm/platform/input";
import { pageInput } from "@crm/platform/pages";
import type { Kysely } from "kysely";
import { z } from "zod";
import { type ContactSettings, findContactSettings } from "../contact-fields/queries.ts";
import { customValue, valueOfText } from "../contact-fields/values.ts";
import type { DB } from "../tables.gen.ts";
import { phoneNumber } from "./phones.ts";
import type { Reach } from "./queries.ts";
import { country, lifecycleStage, NO_NUMBER, sort } from "./schema.ts";

/** One value, or several as a query that repeats its parameter has them. */
function oneOrMore<Item extends z.ZodType>(item: Item) {
  return z
    .preprocess(
      (given) => (typeof given === "string" ? [given] : given),
      z.array(item).max(50, "must be at most 50"),
    )
    .optional();
}

/**
 * The filters of every operation that looks at many contacts; all of them together must hold. For
 * clients they are parameters of the query, in RPC the fields of crm.v1.ContactFilter.
 */
export const filterFields = {
  /** `none`: those that are nobody's. */
  ownerUserId: z.union([z.literal("none"), uuid("must be a UUID, or none")]).optional(),
  /** All of them. */
  tag: oneOrMore(text(50)),
  /** Whatever its case and accents. */
  company: text(200).optional(),
  /** One of them. */
  lifecycleStage: oneOrMore(lifecycleStage),
  source: text(100).optional(),
  email: email.optional(),
  phone: text(50).optional(),
  country: country.optional(),
  /** From a moment on, until before another. */
  createdFrom: moment.optional(),
  createdTo: moment.optional(),
  updatedFrom: moment.optional(),
  updatedTo: moment.optional(),
  /** The tenant's own fields by name, as text; of `options`, one that is chosen. */
  custom: z.record(z.string(), z.string()).optional(),
};

export type ContactFilter = z.output<z.ZodObject<typeof filterFields>>;

export const listInput = z
  .strictObject({
    ...filterFields,
    /** Those that are deleted instead, and not merged into another. */
    deleted: flag.default(false),
    sort,
    ...pageInput,
  })
  .refine(({ deleted, sort: { by } }) => !deleted || by === "createdAt" || by === "updatedAt", {
    path: ["sort"],
    message: "must be createdAt or updatedAt for those that are deleted",
    params: { code: "not_offered" },
  });

/**
 * What `crm.contact_conditions` takes: the filter with its values in the form that they are kept in,
 * and whose contacts may be seen. A cursor is bound to it. Throws `invalid` for a phone that is no
 * number, a custom field that is not there or has no such values, and times in the wrong order.
 */
export async function filterJson(
  db: Kysely<DB>,
  { tenantId, ownedBy }: Reach,
  filter: ContactFilter & { readonly deleted?: boolean },
): Promise<string> {
  const { phone, custom, deleted, ...rest } = filter;
  const settings =
    phone === undefined && custom === undefined
      ? { country: null, fields: [] }
      : await findContactSettings(db, tenantId);
  const number = phone === undefined ? undefined : phoneNumber(phone, settings.country);
  const values = customFilter(settings, custom ?? {});
  const faults = [
    ...(number === null ? [{ path: "phone", ...NO_NUMBER }] : []),
    ...values.faults,
    ...emptySpan("created", filter.createdFrom, filter.createdTo),
    ...emptySpan("updated", filter.updatedFrom, filter.updatedTo),
  ];
  if (faults.length > 0) throw invalid(faults);
  return JSON.stringify({
    ...rest,
    ...(number !== undefined && { phone: number }),
    ...(custom !== undefined && { custom: values.found }),
    ...(deleted && { deleted }),
    ...(ownedBy !== null && { ownedBy }),
  });
}

function customFilter({ fields }: ContactSettings, given: Readonly<Record<string, string>>) {
  const found: [string, unknown][] = [];
  const faults: FieldFault[] = [];
  for (const [name, typed] of Object.entries(given)) {
    if (faults.length === MAX_FAULTS) break;
    const field = fields.find((each) => each.name === name);
    const value = field === undefined ? typed : valueOfText(field, typed);
    const checked = customValue(fields, name, value);
    if ("fault" in checked) faults.push(checked.fault);
    else found.push([name, checked.value]);
  }
  return { found: Object.fromEntries(found), faults };
}

function emptySpan(what: string, from: Date | undefined, to: Date | undefined): FieldFault[] {
  if (from === undefined || to === undefined || from < to) return [];
  return [{ path: `${what}To`, code: "too_small", message: `must be later than ${what}From` }];
}

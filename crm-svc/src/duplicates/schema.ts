import { id } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";
import { contact } from "../contacts/schema.ts";

/**
 * Why two contacts may be one person. `similarName` is a name with a typing error, shortened, or with
 * its parts swapped; `nameAndCompany` comes in addition to either; `similarEmail` is the same mailbox,
 * written otherwise or mistyped, or a telling one at another provider.
 */
export const reason = z.enum([
  "email",
  "similarEmail",
  "phone",
  "similarPhone",
  "name",
  "similarName",
  "nameAndCompany",
  "address",
]);
export type Reason = z.output<typeof reason>;

const likeness = {
  /** From 0 to 1: how likely it is that they are one person. */
  score: z.number(),
  reasons: z.array(reason),
};

/** More than these help nobody to decide. */
export const MAX_CANDIDATES = 20;

export const candidatesInput = z.strictObject({ id });
export const candidates = z.strictObject({
  items: z.array(z.strictObject({ contact, ...likeness })),
});

export const pairsInput = z.strictObject(pageInput);
export const pairPage = pageOf(z.strictObject({ contacts: z.array(contact), ...likeness }));

export const dismissInput = z.strictObject({
  ids: z
    .array(id)
    .length(2, "must be two ids")
    .refine(([one, other]) => one !== other, {
      message: "must be two different ids",
      params: { code: "same_contact" },
    }),
});

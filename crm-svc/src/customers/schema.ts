import { id, moment, text, timestamp } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";
import { money, spanInOrder } from "../leads/schema.ts";

export const getInput = z.strictObject({ id });

/** All filters together must hold. A span is from a moment until before another. */
export const listInput = z
  .strictObject({
    contactId: id.optional(),
    source: text(100).optional(),
    createdFrom: moment.optional(),
    createdTo: moment.optional(),
    ...pageInput,
  })
  .refine(...spanInOrder("createdFrom", "createdTo"));
export type CustomerFilter = Omit<z.output<typeof listInput>, "limit" | "cursor">;

export const customer = z.strictObject({
  id: z.uuid(),
  contactId: z.uuid(),
  /** The first lead that was won with them; the value and the source are its. */
  leadId: z.uuid(),
  value: money.nullable(),
  source: z.string().nullable(),
  version: z.int(),
  createdAt: timestamp,
  updatedAt: timestamp,
});
export type Customer = z.output<typeof customer>;

export const customerPage = pageOf(customer);

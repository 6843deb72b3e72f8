import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";
import { filterFields } from "../filters.ts";
import { contact } from "../schema.ts";

/** More than anybody types; what is longer is not a query. */
const MAX_QUERY = 10_000;

export const searchInput = z.strictObject({
  q: z.string().max(MAX_QUERY, `must have at most ${MAX_QUERY} characters`),
  ...filterFields,
  ...pageInput,
});

/** The best first: a whole word, its beginning, a piece of it, or one that is spelled similarly. */
const HOW = ["exact", "prefix", "infix", "fuzzy"] as const;
export type How = (typeof HOW)[number];

export const contactHit = contact.extend({
  /** From 0 to 1; comparable within one search only. */
  score: z.number(),
  matched: z.array(z.strictObject({ field: z.string(), how: z.enum(HOW) })),
});
export const contactHitPage = pageOf(contactHit);

export type ContactHit = z.output<typeof contactHit>;

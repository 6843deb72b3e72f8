import { email, expectedVersion, flag, id, text, timestamp } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";

export const lifecycleStage = z.enum([
  "subscriber",
  "lead",
  "qualified",
  "opportunity",
  "customer",
  "former",
  "other",
]);

const country = text(2)
  .toUpperCase()
  .regex(/^[A-Z]{2}$/, "must be two letters of ISO 3166-1");

const MAX_WEBSITE = 500;

/** A URL of the web; people type it without its scheme. */
const website = text(MAX_WEBSITE)
  .transform((typed) => (/^[a-z][a-z\d+.-]*:/i.test(typed) ? typed : `https://${typed}`))
  .pipe(
    z
      .url({ protocol: /^https?$/, message: "must be the URL of a web page" })
      .max(MAX_WEBSITE, `must have at most ${MAX_WEBSITE} characters`),
  );

const tags = z
  .array(text(50))
  .max(50, "must be at most 50")
  .transform((list) => [...new Set(list)]);

/** The fields that people fill in. Null and absent are the same in a new contact. */
const fields = {
  firstName: text(100).nullish(),
  lastName: text(100).nullish(),
  email: email.nullish(),
  phone: text(50).nullish(),
  company: text(200).nullish(),
  title: text(200).nullish(),
  website: website.nullish(),
  address: z
    .strictObject({
      street: text(200).nullish(),
      city: text(100).nullish(),
      region: text(100).nullish(),
      postalCode: text(20).nullish(),
      country: country.nullish(),
    })
    .nullish(),
  tags: tags.nullish(),
  source: text(100).nullish(),
  lifecycleStage: lifecycleStage.nullish(),
  ownerUserId: id.nullish(),
};

const contactFields = z.strictObject(fields);

export const createInput = z.strictObject({
  contact: contactFields,
  allowDuplicate: flag.default(false),
});

/** RFC 7396: what is absent stays, null clears, and of the address only what is named changes. */
export const updateInput = z.strictObject({ id, contact: contactFields, expectedVersion });

export const getInput = z.strictObject({ id });
export const deleteInput = z.strictObject({ id, expectedVersion });
export const listInput = z.strictObject(pageInput);

/** More than anybody types; what is longer is not a query. */
const MAX_QUERY = 10_000;
export const searchInput = z.strictObject({
  q: z.string().max(MAX_QUERY, `must have at most ${MAX_QUERY} characters`),
  ...pageInput,
});

const nullableText = z.string().nullable();

export const contact = z.strictObject({
  id: z.uuid(),
  firstName: nullableText,
  lastName: nullableText,
  email: nullableText,
  phone: nullableText,
  company: nullableText,
  title: nullableText,
  website: nullableText,
  address: z
    .strictObject({
      street: nullableText,
      city: nullableText,
      region: nullableText,
      postalCode: nullableText,
      country: nullableText,
    })
    .nullable(),
  tags: z.array(z.string()),
  source: nullableText,
  lifecycleStage,
  ownerUserId: z.uuid().nullable(),
  version: z.int(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export const contactHit = contact.extend({
  score: z.number(),
  matched: z.array(z.strictObject({ field: z.string(), how: z.enum(["exact", "prefix"]) })),
});

export const contactPage = pageOf(contact);
export const contactHitPage = pageOf(contactHit);

export type ContactFields = z.output<typeof contactFields>;
export type Contact = z.output<typeof contact>;
export type ContactHit = z.output<typeof contactHit>;
/** What a contact holds beyond what the service keeps about it. */
export type ContactValues = Omit<Contact, "id" | "version" | "createdAt" | "updatedAt">;

import { email, expectedVersion, flag, id, text, timestamp } from "@crm/platform/input";
import { pageOf } from "@crm/platform/pages";
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

export const country = text(2)
  .toUpperCase()
  .regex(/^[A-Z]{2}$/, "must be two letters of ISO 3166-1");

const MAX_WEBSITE = 500;

/** A URL of the web; people type it without its scheme. `example.com:8080` has none, but a port. */
const website = text(MAX_WEBSITE)
  .transform((typed) =>
    /^[a-z][a-z\d+.-]*:/i.test(typed) && !/^[^:]*\.[^:]*:\d/.test(typed)
      ? typed
      : `https://${typed}`,
  )
  .pipe(
    z
      .url({ protocol: /^https?$/, message: "must be the URL of a web page" })
      .max(MAX_WEBSITE, `must have at most ${MAX_WEBSITE} characters`),
  );

const tags = z
  .array(text(50))
  .max(50, "must be at most 50")
  .transform((list) => [...new Set(list)]);

/** Said of a phone that is none. */
export const NO_NUMBER = {
  code: "not_a_phone_number",
  message: "must be a phone number, best with its country code, such as +49 731 123456",
} as const;

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
  /** By the names of the tenant's own fields; see contact-fields/values.ts. */
  custom: z.record(z.string(), z.json()).nullish(),
};

const contactFields = z.strictObject(fields);

export const createInput = z.strictObject({
  contact: contactFields,
  allowDuplicate: flag.default(false),
});

/** RFC 7396: what is absent stays, null clears, and of the address only what is named changes. */
export const updateInput = z.strictObject({
  id,
  contact: contactFields,
  expectedVersion,
  allowDuplicate: flag.default(false),
});

export const getInput = z.strictObject({ id });
export const deleteInput = z.strictObject({ id, expectedVersion });
export const restoreInput = z.strictObject({ id });

const SORTS = ["createdAt", "updatedAt", "name", "company"] as const;
export type Sort = (typeof SORTS)[number];

/** The field to sort by, with a minus in front if descending. */
export const sort = z
  .enum([...SORTS, "-createdAt", "-updatedAt", "-name", "-company"])
  .default("-createdAt")
  .transform((written) => ({
    // The only other names are these with a minus.
    by: written.replace("-", "") as Sort,
    descending: written.startsWith("-"),
  }));

const nullableText = z.string().nullable();

export const contact = z.strictObject({
  id: z.uuid(),
  firstName: nullableText,
  lastName: nullableText,
  email: nullableText,
  /** E.164; as it was entered, if it is from before numbers were understood. */
  phone: nullableText,
  /** As it was entered, with its extension. */
  phoneOriginal: nullableText,
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
  custom: z.record(z.string(), z.json()),
  version: z.int(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export const contactPage = pageOf(contact);

export type ContactFields = z.output<typeof contactFields>;
export type Contact = z.output<typeof contact>;
/** What a contact holds beyond what the service keeps about it. `phoneOriginal` goes with `phone`. */
export type ContactValues = Omit<Contact, "id" | "version" | "createdAt" | "updatedAt">;
/** Changes of a contact's values, understood and checked; parts of the address that are absent stay. */
export type ContactPatch = Omit<ContactFields, "phone" | "custom"> &
  Partial<Pick<ContactValues, "phone" | "phoneOriginal" | "custom">>;

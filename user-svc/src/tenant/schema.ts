import { expectedVersion, text, timestamp } from "@crm/platform/input";
import { z } from "zod";
import { role } from "../roles/schema.ts";
import { COUNTRIES } from "./countries.ts";

export const slug = text(63)
  .toLowerCase()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "must be letters a to z, digits and inner hyphens");

export const tenantName = text(200);

/** An IANA name, in whatever letters; as IANA writes it. */
const timeZone = text(64).transform((typed, context) => {
  const known = knownTimeZone(typed);
  if (known !== null) return known;
  context.addIssue({
    code: "custom",
    message: "must be the IANA name of a time zone, such as Europe/Berlin",
    params: { code: "unknown_time_zone" },
  });
  return z.NEVER;
});

function knownTimeZone(name: string): string | null {
  // Intl takes +02:00 too, which is no place: its days never change with the seasons.
  if (!/^[a-z]/i.test(name)) return null;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return null;
  }
}

const country = z
  .string()
  .trim()
  .toUpperCase()
  .refine((code) => COUNTRIES.has(code), {
    message: "must be two letters of ISO 3166-1, such as DE",
    params: { code: "unknown_country" },
  });

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));

const currency = z
  .string()
  .trim()
  .toUpperCase()
  .refine((code) => CURRENCIES.has(code), {
    message: "must be three letters of ISO 4217, such as EUR",
    params: { code: "unknown_currency" },
  });

const roles = z
  .array(role)
  .max(100, "must be at most 100")
  .transform((list) => role.options.filter((each) => list.includes(each)));

/** RFC 7396: what is absent stays; null clears a country, a currency and the list of roles. */
const tenantFields = z.strictObject({
  name: tenantName.optional(),
  timeZone: timeZone.optional(),
  country: country.nullish(),
  currency: currency.nullish(),
  requireTotp: roles.nullish(),
});

export const getTenantInput = z.strictObject({});
export const updateTenantInput = z.strictObject({ tenant: tenantFields, expectedVersion });

export const tenant = z.strictObject({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  timeZone: z.string(),
  country: z.string().nullable(),
  currency: z.string().nullable(),
  requireTotp: z.array(role),
  version: z.int(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export type Tenant = z.output<typeof tenant>;
export type TenantFields = z.output<typeof tenantFields>;
/** What can be changed of a tenant. */
export type TenantValues = Pick<
  Tenant,
  "name" | "timeZone" | "country" | "currency" | "requireTotp"
>;

import { type Country, countries, type Entry } from "./people.ts";

/** A contact as `POST /v1/contacts` takes it. */
export interface DemoContact {
  readonly firstName?: string;
  readonly lastName?: string;
  readonly email: string;
  readonly phone?: string;
  readonly company: string;
  readonly title?: string;
  readonly website?: string;
  readonly address?: {
    readonly street: string;
    readonly city: string;
    readonly postalCode: string;
    readonly country: string;
  };
  readonly tags: readonly string[];
  readonly source: string;
  readonly lifecycleStage: string;
}

// Commonest first: `skewed` picks the first of ten about a third of the time.
const titles = [
  "Sales Manager",
  "Office Manager",
  "Head of Purchasing",
  "Managing Director",
  "Buyer",
  "Software Engineer",
  "CFO",
  "Marketing Lead",
  "Plant Manager",
  "Founder",
] as const;
const stages = [
  "lead",
  "subscriber",
  "qualified",
  "customer",
  "opportunity",
  "former",
  "other",
] as const;
const sources = [
  "website",
  "referral",
  "trade fair",
  "cold call",
  "newsletter",
  "partner",
] as const;
const tags = [
  "newsletter",
  "vip",
  "trade-fair-2025",
  "reseller",
  "renewal-due",
  "no-calls",
] as const;

/**
 * Invented people, the same ones for the same seed: names and places of thirteen countries with
 * their accents and scripts, as unevenly spread as real ones, and here and there a field that nobody
 * filled in. Every e-mail address is unique and, like the websites, below `.example` (RFC 2606);
 * telephone numbers are from ranges kept for fiction.
 */
export function demoContacts(count: number, seed: number): DemoContact[] {
  const random = randomFrom(seed);
  const taken = new Set<string>();
  return Array.from({ length: count }, () => demoContact(random, taken));
}

function demoContact(random: () => number, taken: Set<string>): DemoContact {
  const chance = (probability: number): boolean => random() < probability;
  const country = countryOf(random() * 100);
  const first = skewed(country.firstNames, random);
  const last = skewed(country.lastNames, random);
  const { name: company, note: companyInLatin = company } = skewed(country.companies, random);
  const { name: city, note: postalCode = "" } = skewed(country.cities, random);
  const domain = `${asciiOf(companyInLatin)}.example`;
  // Some companies are known by their front desk alone.
  const isPerson = chance(0.97);
  const email = unique(isPerson ? `${spelling(first)}.${spelling(last)}` : "info", domain, taken);
  const street = country.street(1 + Math.floor(random() * 180));
  const phone = country.phone?.(Math.floor(random() * 100));
  return {
    ...(isPerson && { firstName: first.name, lastName: last.name }),
    email,
    ...(phone !== undefined && chance(0.85) && { phone }),
    company,
    ...(isPerson && chance(0.8) && { title: skewed(titles, random) }),
    ...(chance(0.4) && { website: `https://www.${domain}` }),
    ...(chance(0.7) && { address: { street, city, postalCode, country: country.code } }),
    tags: tags.filter((_, index) => chance(0.25 / (index + 1))),
    source: skewed(sources, random),
    lifecycleStage: skewed(stages, random),
  };
}

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32, by Tommy Ettinger). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the items; the earlier it stands, the likelier. */
function skewed<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(items.length * random() ** 2)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

function countryOf(percent: number): Country {
  let left = percent;
  const found = countries.find((country) => {
    left -= country.share;
    return left < 0;
  });
  if (found === undefined) throw new Error("the shares of the countries do not add up to 100");
  return found;
}

function unique(name: string, domain: string, taken: Set<string>): string {
  let email = `${name}@${domain}`;
  for (let number = 2; taken.has(email); number++) email = `${name}${number}@${domain}`;
  taken.add(email);
  return email;
}

function spelling({ name, note }: Entry): string {
  return note ?? asciiOf(name);
}

/** A name as it would stand in an e-mail address: ASCII letters, digits and inner hyphens. */
function asciiOf(name: string): string {
  return name
    .normalize("NFD")
    .replaceAll(/[\u0300-\u036f'.]/g, "")
    .replaceAll("ß", "ss")
    .replaceAll(/[łŁ]/g, "l")
    .replaceAll("ı", "i")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

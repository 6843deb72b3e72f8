import { expect, test } from "bun:test";
import { getTenant, updateTenant } from "../../../tools/testing/api/users.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  forbidden,
  invalid,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { COUNTRIES } from "./countries.ts";

const refuses = (name: string, tenant: Record<string, string>, field: string): Case => ({
  name: `refuses ${name}`,
  operation: updateTenant,
  input: { tenant },
  expected: { refusal: invalid(field) },
});

const cases: readonly Case[] = [
  ...(["manager", "sales", "marketing"] as const).flatMap((as): Case[] => [
    {
      name: `${as} may look at the tenant`,
      as,
      operation: getTenant,
      input: {},
      expected: { value: { timeZone: "UTC", country: null, currency: null, requireTotp: [] } },
    },
    {
      name: `${as} may not change the tenant`,
      as,
      operation: updateTenant,
      input: { tenant: { name: "Mine" } },
      expected: { refusal: forbidden },
    },
  ]),
  {
    name: "nobody else is told of a tenant",
    as: "nobody",
    operation: getTenant,
    input: {},
    expected: { refusal: unauthenticated },
  },
  ...["Mars/Olympus", "+02:00", "GMT+1", "Z", "Europe/Berlin; drop"].map((timeZone) =>
    refuses(`the time zone ${timeZone}`, { timeZone }, "timeZone unknown_time_zone"),
  ),
  // Former countries, the European Union, and a code that only CLDR uses.
  ...["XX", "ZZ", "EU", "SU", "XK", "DEU"].map((country) =>
    refuses(`the country ${country}`, { country }, "country unknown_country"),
  ),
  ...["EURO", "DE"].map((currency) =>
    refuses(`the currency ${currency}`, { currency }, "currency unknown_currency"),
  ),
  refuses("an empty name", { name: " " }, "name too_small"),
  {
    name: "refuses roles that there are not",
    operation: updateTenant,
    input: { tenant: { requireTotp: ["admin", "boss"] } },
    expected: { refusal: invalid("requireTotp[1] invalid_value") },
  },
  {
    name: "refuses to change the slug",
    operation: updateTenant,
    input: { tenant: { slug: "another" } },
    expected: { refusal: invalid("slug unknown_field") },
    over: "REST",
  },
];

test("the countries are those of ISO 3166-1", () => {
  expect(COUNTRIES.size).toBe(249);
  expect([...COUNTRIES].every((code) => /^[A-Z]{2}$/.test(code))).toBe(true);
});

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, cases);

  test("an admin changes what is named, and clears what is null", async () => {
    const before = await world.get(getTenant, {});
    expect(before).toEqual(world.tenant.admin.tenant);
    const settled = await world.get(updateTenant, {
      tenant: {
        name: " Company Ltd ",
        timeZone: "europe/berlin",
        country: "de",
        currency: "eur",
        requireTotp: ["sales", "manager", "sales"],
      },
      expectedVersion: before.version,
    });
    expect(settled).toMatchObject({
      name: "Company Ltd",
      timeZone: "Europe/Berlin",
      country: "DE",
      currency: "EUR",
      requireTotp: ["manager", "sales"],
      version: before.version + 1,
    });
    expect(await world.get(getTenant, {})).toEqual(settled);
    const renamed = await world.get(updateTenant, { tenant: { name: "Company" } });
    expect(renamed).toMatchObject({
      ...settled,
      name: "Company",
      version: 3,
      updatedAt: renamed.updatedAt,
    });
    const cleared = await world.get(updateTenant, {
      tenant: { country: null, currency: null, requireTotp: null },
    });
    expect(cleared).toMatchObject({ country: null, currency: null, requireTotp: [], version: 4 });
    // What changes nothing is no new version.
    expect(await world.get(updateTenant, { tenant: { name: "Company" } })).toEqual(cleared);
    const late = await world.call(updateTenant, { tenant: { name: "Late" }, expectedVersion: 1 });
    expectRefusal(world, late, { kind: "stale", code: "version_mismatch" });
  });
});

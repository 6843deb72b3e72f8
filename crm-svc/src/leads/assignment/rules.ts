import { type Assignment, cents, type LeadFacts, type Rotation } from "./schema.ts";

/** Among whom a lead goes round: the users of the first rule that matches, or of all others. */
export function ruleFor(
  { rules, userIds }: Assignment,
  { source, value }: LeadFacts,
  country: string | null,
): Rotation {
  const rule = rules.find(
    ({ sources, countries, currency, minValue, maxValue }) =>
      (sources.length === 0 || (source !== null && sources.includes(source))) &&
      (countries.length === 0 || (country !== null && countries.includes(country))) &&
      (currency === null || value?.currency === currency) &&
      (minValue === null || (value !== null && cents(value.amount) >= cents(minValue))) &&
      (maxValue === null || (value !== null && cents(value.amount) <= cents(maxValue))),
  );
  return rule === undefined ? { name: "", userIds } : { name: rule.name, userIds: rule.userIds };
}

/**
 * Whose turn it is after the last one's: the next in the order of the list who can be assigned anything;
 * if the last is not in it any more, the first. Null if there is none.
 */
export function nextInTurn(
  userIds: readonly string[],
  last: string | null,
  fit: ReadonlySet<string>,
): string | null {
  const start = last === null ? 0 : userIds.indexOf(last) + 1;
  const order = [...userIds.slice(start), ...userIds.slice(0, start)];
  return order.find((userId) => fit.has(userId)) ?? null;
}

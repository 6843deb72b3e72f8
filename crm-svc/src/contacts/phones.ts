import { isSupportedCountry, parsePhoneNumberFromString } from "libphonenumber-js/min";

/**
 * The number that somebody typed, as E.164 has it (`+49731123456`), or null if it is none. An
 * extension (`ext. 5`, `x5`, `#5`) may follow; it is not part of the number.
 *
 * @param country where a number without a country code is from (ISO 3166-1), if that is known.
 *
 * It need not be in use: only its length is held against the country's (libphonenumber's "possible").
 * Lists of the ranges in use are twice as large and a release behind the numbers that people have.
 */
export function phoneNumber(typed: string, country: string | null): string | null {
  const known = country !== null && isSupportedCountry(country) ? country : undefined;
  // Of a country that is not known, 00 is what most dial for the plus (ITU-T E.123).
  const text = known === undefined ? typed.replace(/^\s*00/, "+") : typed;
  const options = { extract: false, ...(known !== undefined && { defaultCountry: known }) };
  const phone = parsePhoneNumberFromString(text, options);
  return phone?.isPossible() ? phone.number : null;
}

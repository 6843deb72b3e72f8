/** What people write that is no country's name of any of the languages. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  uk: "GB",
  england: "GB",
  scotland: "GB",
  wales: "GB",
  greatbritain: "GB",
  grossbritannien: "GB",
  grandebretagne: "GB",
  granbretana: "GB",
  usa: "US",
  unitedstatesofamerica: "US",
  etatsunisdamerique: "US",
  estadosunidosdeamerica: "US",
  eeuu: "US",
  holland: "NL",
  czechrepublic: "CZ",
  tschechischerepublik: "CZ",
  turkey: "TR",
};

let codes: ReadonlyMap<string, string> | undefined;

/**
 * The code (ISO 3166-1) of a country that is written by its English, German, French or Spanish name;
 * what is no such name, a code among it, is given back as it is.
 */
export function countryCode(written: string): string {
  codes ??= countryCodes();
  return codes.get(keyOf(written)) ?? written;
}

function countryCodes(): Map<string, string> {
  const found = new Map(Object.entries(OTHER_NAMES));
  const letters = Array.from({ length: 26 }, (_, at) => String.fromCharCode(65 + at));
  const pairs = letters.flatMap((first) => letters.map((second) => first + second));
  for (const language of ["en", "de", "fr", "es"]) {
    const names = new Intl.DisplayNames(language, { type: "region", fallback: "none" });
    for (const code of pairs) {
      // The codes of groups (EU, UN), and of what is unknown, are no countries'.
      const name = ["EU", "EZ", "UN", "ZZ", "XA", "XB", "QO"].includes(code)
        ? undefined
        : names.of(code);
      if (name === undefined) continue;
      // An outdated code bears the name of what has come after it, whose code is the one to take.
      const current = new Intl.Locale(`und-${code}`).maximize().region ?? code;
      const key = keyOf(name);
      if (!found.has(key)) found.set(key, current);
    }
  }
  return found;
}

function keyOf(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll("ß", "ss")
    .replace(/[^\p{L}]/gu, "");
}

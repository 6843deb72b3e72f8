import type { Country, ErrorKind, World } from "./worlds.ts";

/** A contact, and the person that it is of: what a scorer has to find out. */
export interface Labelled {
  readonly person: number;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly email: string | null;
  /** E.164. */
  readonly phone: string | null;
  readonly company: string | null;
  readonly street: string | null;
  readonly postalCode: string | null;
}

type Draft = { -readonly [Field in keyof Labelled]: Labelled[Field] };

/** Of a hundred people, how many are in the data twice or more often. */
const DUPLICATED = 9;
const THRICE = 1;

interface Company {
  readonly name: string;
  readonly form: string;
  readonly domain: string;
  readonly switchboard: string;
  readonly street: string;
  readonly postalCode: string;
  /** How it names mailboxes. */
  readonly pattern: number;
}

const FREEMAIL = [
  "mailbox.example",
  "freemail.example",
  "gmail.com",
  "post.example",
  "inbox.example",
];

/**
 * Invented contacts, about `count`, some of them of one person; the same for the same world. Names are
 * as unevenly spread as real ones, with a long tail. What looks alike and is not one person is there too:
 * households, fathers and sons, colleagues behind one switchboard and at one address, namesakes.
 */
export function* population(world: World, count: number): Generator<Labelled> {
  const random = randomFrom(world.seed);
  const chance = (probability: number): boolean => random() < probability;
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
  /** The earlier it stands, the likelier: of a thousand names the first is borne by one in seventy. */
  const skewed = <Item>(items: readonly Item[]): Item => {
    const item = items[Math.floor(items.length * random() ** 1.6)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
  const digits = (length: number): string =>
    Array.from({ length }, () => Math.floor(random() * 10)).join("");

  const familyName = ({ familyNames }: Country): string => {
    if (chance(0.5)) return skewed(familyNames);
    // One of very many rare ones: the head of one and the tail of another.
    const [head, tail] = [pick(familyNames), pick(familyNames)];
    return (
      head.slice(0, Math.ceil(head.length / 2)) +
      tail.slice(Math.floor(tail.length / 2)).toLowerCase()
    );
  };
  const phone = ({ callingCode }: Country): string =>
    `${callingCode}${1 + Math.floor(random() * 9)}${digits(8)}`;
  const company = (country: Country): Company => {
    const name = `${familyName(country)}${chance(0.7) ? ` ${pick(TRADES)}` : ` & ${familyName(country)}`}`;
    return {
      name,
      form: pick(country.legalForms),
      domain: `${ascii(name).slice(0, 30)}${digits(2)}.example`,
      switchboard: phone(country),
      street: `${pick(country.streets)} ${1 + Math.floor(random() * 150)}`,
      postalCode: digits(5),
      pattern: Math.floor(random() * 3),
    };
  };
  const companies = world.countries.map((country) =>
    Array.from({ length: Math.ceil(count / world.countries.length / 15) }, () => company(country)),
  );
  const mailbox = (given: string, family: string, pattern: number): string => {
    const [first, last] = [ascii(given), ascii(family)];
    if (pattern === 0) return `${first}.${last}`;
    return pattern === 1 ? `${first.slice(0, 1)}${last}` : `${last}.${first.slice(0, 1)}`;
  };
  const privateEmail = (given: string, family: string): string => {
    const [first, last] = [ascii(given), ascii(family)];
    const name = pick([
      `${first}.${last}`,
      `${first}${last}`,
      `${last}${first.slice(0, 2)}`,
      `${pick(HOBBIES)}${last.slice(0, 3)}`,
    ]);
    return `${name}${chance(0.6) ? digits(2 + Math.floor(random() * 3)) : ""}@${pick(FREEMAIL)}`;
  };

  const taken = new Set<number>();
  /** Companies give a mailbox once; what is taken gets a number. */
  const unique = (email: string): string => {
    const [box = "", domain = ""] = email.split("@");
    let free = email;
    for (let number = 2; taken.has(Bun.hash.crc32(free)); number++)
      free = `${box}${number}@${domain}`;
    taken.add(Bun.hash.crc32(free));
    return free;
  };

  let person = 0;
  function newPerson(
    country: Country,
    at: readonly Company[],
    family = familyName(country),
  ): Draft {
    const given = skewed(country.givenNames);
    const works = chance(0.88) ? skewed(at) : null;
    const own = works === null || chance(0.25);
    const atWork = works !== null && chance(0.5);
    return {
      person: person++,
      firstName: chance(0.03) ? null : given,
      lastName: family,
      email: chance(0.12)
        ? null
        : unique(
            own
              ? privateEmail(given, family)
              : `${mailbox(given, family, works.pattern)}@${works.domain}`,
          ),
      phone: chance(0.2)
        ? null
        : works !== null && chance(0.15)
          ? works.switchboard
          : phone(country),
      company: works === null ? null : `${works.name} ${works.form}`.trim(),
      street: atWork
        ? works.street
        : chance(0.4)
          ? `${pick(country.streets)} ${1 + Math.floor(random() * 150)}`
          : null,
      postalCode: atWork ? works.postalCode : digits(5),
    };
  }

  const errorKinds = Object.keys(world.errors) as ErrorKind[];
  const allErrors = errorKinds.reduce((sum, kind) => sum + world.errors[kind], 0);
  const anyError = (): ErrorKind => {
    let left = random() * allErrors;
    for (const kind of errorKinds) {
      left -= world.errors[kind];
      if (left < 0) return kind;
    }
    return "noPhone";
  };
  const letterFor = (letter: string): string => {
    const row = KEYBOARD.find((keys) => keys.includes(letter.toLowerCase()));
    if (!world.keyboardTypos || row === undefined) return pick([..."abcdefghijklmnopqrstuvwxyz"]);
    const place = row.indexOf(letter.toLowerCase());
    return row[place + (chance(0.5) ? 1 : -1)] ?? row[place === 0 ? 1 : place - 1] ?? letter;
  };
  const mistype = (text: string): string => {
    if (text.length < 3) return text;
    const place = 1 + Math.floor(random() * (text.length - 2));
    const [head, letter, tail] = [text.slice(0, place), text[place] ?? "", text.slice(place + 1)];
    const kind = random();
    if (kind < 0.25) return head + tail;
    if (kind < 0.5) return head + letter + (chance(0.5) ? letter : letterFor(letter)) + tail;
    if (kind < 0.75) return head + letterFor(letter) + tail;
    return head + tail.slice(0, 1) + letter + tail.slice(1);
  };
  function spoil(record: Draft, kind: ErrorKind, country: Country, at: readonly Company[]): void {
    const { firstName, lastName, email, company: employer } = record;
    const [box = "", domain = ""] = email?.split("@") ?? [];
    if (kind === "givenTypo") record.firstName = firstName && mistype(firstName);
    else if (kind === "familyTypo") record.lastName = lastName && mistype(lastName);
    else if (kind === "emailTypo" && email !== null)
      record.email = chance(0.6) ? `${mistype(box)}@${domain}` : `${box}@${mistype(domain)}`;
    else if (kind === "nickname" && firstName !== null)
      record.firstName = pick(country.nicknames.get(firstName) ?? [firstName]);
    else if (kind === "swapped") [record.firstName, record.lastName] = [lastName, firstName];
    else if (kind === "initial")
      record.firstName = firstName && `${firstName.slice(0, 1)}${chance(0.5) ? "." : ""}`;
    else if (kind === "spelling") {
      const otherwise = chance(0.5) ? transcribe : (text: string) => text.toUpperCase();
      record.firstName = firstName && otherwise(firstName);
      record.lastName = lastName && otherwise(lastName);
    } else if (kind === "companyForm" && employer !== null) {
      const form =
        country.legalForms.find((each) => each !== "" && employer.endsWith(` ${each}`)) ?? "";
      const bare = form === "" ? employer : employer.slice(0, -form.length - 1);
      record.company = pick([
        bare,
        `${bare} ${pick(country.legalForms)}`.trim(),
        bare.toUpperCase(),
        bare.split(" ")[0] ?? bare,
      ]);
    } else if (kind === "movedCompany") {
      const next = skewed(at);
      record.company = `${next.name} ${next.form}`.trim();
      record.email =
        email &&
        unique(`${mailbox(firstName ?? "x", lastName ?? "x", next.pattern)}@${next.domain}`);
      if (chance(0.4)) record.phone = next.switchboard;
    } else if (kind === "otherDomain" && email !== null) record.email = `${box}@${pick(FREEMAIL)}`;
    else if (kind === "otherEmail" && email !== null)
      record.email = unique(privateEmail(firstName ?? "x", lastName ?? "x"));
    else if (kind === "noEmail") record.email = null;
    else if (kind === "otherPhone") record.phone = phone(country);
    else if (kind === "noPhone") record.phone = null;
    else if (kind === "noCompany") record.company = null;
    else if (kind === "married")
      record.lastName = chance(0.3) ? `${lastName}-${familyName(country)}` : familyName(country);
  }

  for (let made = 0; made < count; ) {
    const which = Math.floor(random() * world.countries.length);
    const country = world.countries[which];
    const at = companies[which];
    if (country === undefined || at === undefined) throw new Error("a world has countries");
    const one = newPerson(country, at);
    const records = [one];
    if (chance(0.03)) {
      // Somebody of the same household.
      const street = one.street ?? `${pick(country.streets)} ${1 + Math.floor(random() * 150)}`;
      one.street = street;
      const other = newPerson(country, at, one.lastName ?? familyName(country));
      records.push({
        ...other,
        street,
        postalCode: one.postalCode,
        phone: chance(0.4) ? one.phone : other.phone,
        ...(chance(0.15) && { firstName: one.firstName, lastName: `${one.lastName} Jr.` }),
      });
    }
    const copies = chance(DUPLICATED / 100) ? 1 : chance(THRICE / 100) ? 2 : 0;
    for (let copy = 0; copy < copies; copy++) {
      const again = { ...one };
      do spoil(again, anyError(), country, at);
      while (chance(world.furtherError));
      records.push(again);
    }
    for (const { email, firstName, lastName, company: employer, ...rest } of records) {
      made++;
      const named = firstName ?? lastName ?? employer ?? email;
      yield {
        ...rest,
        firstName,
        lastName: named === null ? "Unknown" : lastName,
        email: email?.toLowerCase() ?? null,
        company: employer,
      };
    }
  }
}

const TRADES = [
  ..."Logistics Optics Foods Textiles Consulting Software Metals Travel Energy Printing Design".split(
    " ",
  ),
  ..."Pharma Construction Motors Media Capital Insurance Robotics Ceramics Shipping".split(" "),
];
const HOBBIES =
  "sailor falcon blackbird gardener pilot sunny chess hiker drummer bookworm tiger skater".split(
    " ",
  );
const KEYBOARD = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

const CYRILLIC: Readonly<Record<string, string>> = {
  ...{ а: "a", б: "b", в: "v", г: "g", д: "d", е: "e", ё: "yo", ж: "zh", з: "z", и: "i", й: "y" },
  ...{ к: "k", л: "l", м: "m", н: "n", о: "o", п: "p", р: "r", с: "s", т: "t", у: "u", ф: "f" },
  ...{
    х: "kh",
    ц: "ts",
    ч: "ch",
    ш: "sh",
    щ: "shch",
    ъ: "",
    ы: "y",
    ь: "",
    э: "e",
    ю: "yu",
    я: "ya",
  },
};

/** As somebody types it who has no such keys. */
function transcribe(text: string): string {
  return text
    .replace(/[а-яё]/gi, (letter) => {
      const latin = CYRILLIC[letter.toLowerCase()] ?? "";
      return letter === letter.toLowerCase()
        ? latin
        : latin.charAt(0).toUpperCase() + latin.slice(1);
    })
    .replace(/[äöüÄÖÜ]/g, (letter) => `${letter.normalize("NFD").charAt(0)}e`)
    .replaceAll("ß", "ss")
    .replaceAll("ł", "l")
    .replaceAll("Ł", "L")
    .normalize("NFD")
    .replace(/\p{M}/gu, "");
}

function ascii(text: string): string {
  return (
    transcribe(text)
      .toLowerCase()
      .replace(/[^a-z]/g, "") || "x"
  );
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

import { type Person, pick } from "../people.ts";
import { mistype } from "./typos.ts";

type Random = () => number;

/** A way of searching, and a query of that kind for somebody. Null if the contact cannot be found so. */
export interface Kind {
  readonly name: string;
  readonly query: (person: Person, random: Random) => string | null | undefined;
}

const latin = (text: string | null): text is string =>
  text !== null && /^\p{Script=Latin}/u.test(text);

function begin(word: string, letters: number): string {
  return [...word].slice(0, letters).join("");
}

/** Every kind of query that the search promises to answer. */
export const kinds: readonly Kind[] = [
  { name: "one common letter", query: (_, random) => pick([..."aehjmsst"], random) },
  {
    name: "the commonest surnames",
    query: (_, random) => pick(["Smith", "Jones", "Müller", "García", "Khan"], random),
  },
  { name: "a surname", query: ({ last_name }) => last_name },
  {
    name: "first and last name",
    query: ({ first_name, last_name }) => first_name && last_name && `${first_name} ${last_name}`,
  },
  {
    name: "last name, beginning of the first",
    query: ({ first_name, last_name }) =>
      first_name && last_name && `${last_name} ${begin(first_name, 2)}`,
  },
  {
    name: "beginnings of both",
    query: ({ first_name, last_name }) =>
      latin(first_name) && latin(last_name)
        ? `${begin(first_name, 3)} ${begin(last_name, 3)}`
        : null,
  },
  {
    name: "initial and surname",
    query: ({ first_name, last_name }) =>
      latin(first_name) && last_name !== null ? `${begin(first_name, 1)} ${last_name}` : null,
  },
  {
    name: "the middle of a surname",
    query: ({ last_name }) =>
      latin(last_name) && last_name.length > 6 ? last_name.slice(2, 6) : null,
  },
  { name: "a company", query: ({ company }) => company },
  { name: "the first word of a company", query: ({ company }) => company?.split(" ")[0] ?? null },
  { name: "a title", query: ({ title }) => title },
  { name: "a tag", query: ({ tags }) => tags[0] ?? null },
  { name: "a city", query: ({ address_city }) => address_city },
  { name: "an e-mail address", query: ({ email }) => email },
  {
    name: "the beginning of one",
    query: ({ email }) => email?.slice(0, email.indexOf("@") + 3),
  },
  { name: "a domain", query: ({ email }) => email?.slice(email.indexOf("@")) },
  { name: "a phone number", query: ({ phone }) => phone },
  { name: "its last six digits", query: ({ phone_e164 }) => phone_e164?.slice(-6) },
  { name: "its last four digits", query: ({ phone_e164 }) => phone_e164?.slice(-4) },
  {
    name: "a name in another script",
    query: ({ first_name, last_name }) =>
      latin(last_name) || last_name === null ? null : `${last_name} ${first_name}`,
  },
  { name: "one typing error", query: (person, random) => mistype(person, 1, random)?.q ?? null },
  { name: "two typing errors", query: (person, random) => mistype(person, 2, random)?.q ?? null },
  {
    name: "nobody",
    query: (_, random) =>
      Array.from({ length: 8 }, () => pick([..."bcdfgjkqvwxz"], random)).join(""),
  },
];

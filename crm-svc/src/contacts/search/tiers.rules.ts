import {
  ANYWHERE,
  allOf,
  anyOf,
  begun,
  begunListed,
  IN_COMPANY,
  IN_NAME,
  inMiddle,
  misspelled,
  type Place,
  quoted,
  split,
  whole,
} from "./lexemes.rules.ts";
import type { Term } from "./spelling.rules.ts";
import { digitsFromEnd, type Typed } from "./typed.rules.ts";

/** A query in PostgreSQL's language, and how good its answers are: 0 is the best. */
export interface Tier {
  readonly rank: number;
  readonly query: string;
}

/** What is looked up together: all answers to `wanted`, as good as the first tier that they answer to. */
export interface Search {
  readonly wanted: string;
  /** Queries that every answer answers to; none where the tiers themselves are easier to look up. */
  readonly terms: readonly string[];
  readonly tiers: readonly Tier[];
}

/** The rank of a whole e-mail address or phone number, and of what begins or ends so. */
export const DIRECT = 0;
export const DIRECT_IN_PART = 1;
/** Ranks are below this. */
const RANKS = 40;

function tiersFrom(rank: number, queries: readonly string[]): Tier[] {
  return queries
    .map((query, at) => ({ rank: rank + at, query }))
    .filter(({ query }) => query !== "");
}

/** Names before company and e-mail before all others; with several words, also where one is a name. */
function byPlace(count: number, query: (where: Place) => string, someName: () => string): string[] {
  return [query(IN_NAME), count === 1 ? "" : someName(), query(IN_COMPANY), query(ANYWHERE)];
}

function distinct(tiers: readonly Tier[]): Tier[] {
  return tiers.filter(({ query }, at) => tiers.findIndex((tier) => tier.query === query) === at);
}

/** An e-mail address or phone number as a whole, and what begins or ends so. */
function directTiers(typed: Typed, phones: readonly string[]): Tier[] {
  const digits = phones.map(digitsFromEnd);
  const email = typed.email === null ? [] : [quoted(`e${typed.email}`)];
  return [
    { rank: DIRECT, query: anyOf([...email, ...digits.map((end) => quoted(`p${end}`))]) },
    {
      rank: DIRECT_IN_PART,
      query: anyOf([
        ...email.map((begin) => `${begin}:*`),
        ...digits.map((end) => `${quoted(`p${end}`)}:*`),
      ]),
    },
  ].filter(({ query }) => query !== "");
}

type Form = (term: Term, where: Place) => string;

const open: Form = begun;
/** The same to be looked up. */
const openListed: Form = begunListed;
const oneOff: Form = (term, where) => misspelled(term.oneOff, where);
const twoOff: Form = (term, where) => misspelled(term.twoOff, where);

const either =
  (...forms: readonly Form[]): Form =>
  (term, where) =>
    anyOf(forms.map((form) => form(term, where)));

/** All of the words so. */
const each =
  (terms: readonly Term[], form: Form) =>
  (where: Place): string =>
    allOf(terms.map((term) => form(term, where)));

/** One of the words so, the others otherwise. */
const one =
  (terms: readonly Term[], form: Form, others: Form) =>
  (where: Place): string =>
    anyOf(
      terms.map((odd) => allOf(terms.map((term) => (term === odd ? form : others)(term, where)))),
    );

/** Some of the words so. */
const some = (terms: readonly Term[], form: Form, where: Place): string =>
  anyOf(terms.map((term) => form(term, where)));

/**
 * Three searches, one after the other until a page is full: for the words as they were typed; begun;
 * and for pieces of words and misspelled ones. A later one has all that an earlier one has, and more.
 */
export const STAGES = ["typed", "begun", "loose"] as const;
export type Stage = (typeof STAGES)[number];

/** Beside other words a piece of a word is worth less, and the list of all words with it costs as much. */
const MAX_WITHIN_OF_SEVERAL = 12;
/** More words than these are not mistyped one by one, but pasted. */
const MAX_WORDS_TO_CORRECT = 12;
/** The more words, the less does it matter which of them are whole. */
const MAX_WORDS_TO_COMPARE = 4;
/** And of misspelled ones, where they are: more are no name, but a company or an e-mail address. */
const MAX_WORDS_TO_PLACE = 2;

/** What has all the words as they were typed, or the e-mail address or phone number. */
export function typedSearch(
  typed: Typed,
  phones: readonly string[],
  terms: readonly Term[],
): Search | null {
  const all = each(terms, whole);
  const direct = directTiers(typed, phones);
  const tiers = [
    ...direct,
    ...tiersFrom(
      2,
      byPlace(terms.length, all, () => allOf([all(ANYWHERE), some(terms, whole, IN_NAME)])),
    ),
  ];
  const directly = direct.map(({ query }) => query);
  if (all(ANYWHERE) === "") return searchOf(anyOf(directly), [], tiers);
  const wanted = terms.map((term) => anyOf([...directly, whole(term, ANYWHERE)]));
  return searchOf(allOf(wanted), terms.length === 1 ? [] : wanted, tiers);
}

/** What has all the words, whole or begun; of several rather with one of them begun only. */
export function begunSearch(terms: readonly Term[]): Search | null {
  if (terms.every(beginsNothingElse)) return null;
  const all = each(terms, open);
  const butOne = one(terms, open, whole);
  const compared = terms.length > 1 && terms.length <= MAX_WORDS_TO_COMPARE;
  const tiers =
    terms.length === 1
      ? tiersFrom(
          10,
          byPlace(1, all, () => ""),
        )
      : [
          ...(compared ? tiersFrom(6, [butOne(IN_NAME), butOne(ANYWHERE)]) : []),
          ...tiersFrom(10, [all(IN_NAME), all(ANYWHERE)]),
        ];
  return searchOf(all(ANYWHERE), termsOf(terms, openListed), tiers);
}

/** What has all the words if some are pieces of a word, or misspelled. */
export function looseSearch(terms: readonly Term[]): Search | null {
  if (terms.length > MAX_WORDS_TO_CORRECT) return null;
  const places = (query: (where: Place) => string) =>
    terms.length > MAX_WORDS_TO_PLACE ? [query(ANYWHERE)] : byPlace(terms.length, query, () => "");
  const piece: Form = (term, where) =>
    inMiddle(
      terms.length === 1 ? term : { ...term, within: term.within.slice(0, MAX_WITHIN_OF_SEVERAL) },
      where,
    );
  const others = either(piece, oneOff, twoOff, split);
  if (some(terms, others, ANYWHERE) === "") return null;
  const wanted = each(terms, either(open, others))(ANYWHERE);
  const tiers = [
    ...(terms.length > MAX_WORDS_TO_COMPARE
      ? tiersFrom(27, [each(terms, either(open, oneOff))(ANYWHERE)])
      : [
          ...tiersFrom(14, places(one(terms, piece, open))),
          ...tiersFrom(18, places(one(terms, oneOff, whole))),
          ...tiersFrom(22, places(one(terms, oneOff, open))),
          ...tiersFrom(26, [one(terms, split, open)(ANYWHERE)]),
          ...tiersFrom(27, places(each(terms, either(open, oneOff)))),
          ...tiersFrom(31, places(one(terms, twoOff, open))),
        ]),
    { rank: 35, query: wanted },
  ];
  return searchOf(wanted, termsOf(terms, either(openListed, others)), tiers);
}

function beginsNothingElse({ word, begun: known }: Term): boolean {
  return known?.every((other) => other === word) ?? false;
}

function termsOf(terms: readonly Term[], form: Form): string[] {
  return terms.length === 1 ? [] : terms.map((term) => form(term, ANYWHERE));
}

function searchOf(wanted: string, terms: readonly string[], tiers: readonly Tier[]): Search | null {
  return wanted === "" ? null : { wanted, terms, tiers: distinct(tiers) };
}

/** A higher score is a better one. */
export function scoreOf(rank: number): number {
  return (RANKS - rank) / RANKS;
}

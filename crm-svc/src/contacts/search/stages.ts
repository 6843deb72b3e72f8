import type { Kysely } from "kysely";
import { findContactSettings } from "../../contact-fields/queries.ts";
import type { DB } from "../../tables.gen.ts";
import { phoneNumber } from "../phones.ts";
import { fits } from "./lexemes.rules.ts";
import * as queries from "./queries.ts";
import { respell, type Term } from "./spelling.rules.ts";
import {
  begunSearch,
  DIRECT,
  DIRECT_IN_PART,
  looseSearch,
  type Search,
  STAGES,
  type Stage,
  typedSearch,
} from "./tiers.rules.ts";
import { phoneEnds, type Typed } from "./typed.rules.ts";

type Db = Kysely<DB>;

export interface SearchRequest {
  readonly tenantId: string;
  readonly typed: Typed;
  /** filterJson's. */
  readonly filter: string;
  readonly most: number;
  /** The last of the page before; and the best rank of the first page, which says how far to go. */
  readonly after: (queries.Last & { readonly best: number }) | undefined;
}

/**
 * The best contacts, at most `most`; the best rank, on whichever page it is; the phone numbers (or ends of
 * one) that were taken to be meant; and the last stage that was needed.
 * What was typed is looked for as it is; only if that fills no page, as the beginning of something; and
 * only then as a piece of a word or misspelled.
 */
export async function searchInStages(
  db: Db,
  { tenantId, typed, filter, most, after }: SearchRequest,
): Promise<{
  found: queries.Found[];
  best: number | undefined;
  phones: string[];
  reached: Stage;
}> {
  let terms = typed.words.length === 0 ? [] : await queries.findTerms(db, typed.words);
  const phones = typed.phone === null ? [] : await phonesMeant(db, tenantId, typed.phone);
  let beneath: string | null = null;
  const found: queries.Found[] = [];
  let best = after?.best;
  let reached: Stage = "typed";
  for (const stage of STAGES) {
    if (stage === "loose" && terms.length > 0) terms = await respelled(db, terms);
    const search = searchOf(stage, typed, phones, terms);
    if (search === null) continue;
    reached = stage;
    if (after === undefined || search.tiers.some(({ rank }) => rank >= after.from)) {
      const left = most - found.length;
      const request = { filter, search, beneath, fits: fits(terms), most: left, after };
      found.push(...(await queries.searchContacts(db, tenantId, request)));
    }
    best ??= found.at(0)?.rank;
    if (found.length === most) break;
    // Who types a whole address or number that there is does not mean a similar one; and who types the
    // beginning or the end of one, none that is spelled similarly.
    if (best === DIRECT || (best === DIRECT_IN_PART && stage === "begun")) break;
    beneath = beneath === null ? search.wanted : `${beneath}|${search.wanted}`;
  }
  return { found, best, phones, reached };
}

function searchOf(
  stage: Stage,
  typed: Typed,
  phones: readonly string[],
  terms: readonly Term[],
): Search | null {
  switch (stage) {
    case "typed":
      return typedSearch(typed, phones, terms);
    case "begun":
      return begunSearch(terms);
    case "loose":
      return looseSearch(terms);
  }
}

async function phonesMeant(db: Db, tenantId: string, typed: string): Promise<string[]> {
  const { country } = await findContactSettings(db, tenantId);
  return phoneEnds(typed, phoneNumber(typed, country));
}

async function respelled(db: Db, terms: readonly Term[]): Promise<Term[]> {
  const spellings = await queries.findSpellings(
    db,
    terms.map(({ word }) => word),
  );
  return terms.map((term, at) => respell(term, spellings[at]));
}

import { type Kysely, sql } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import { rowById } from "../../by-id.queries.ts";
import type { DB } from "../../tables.gen.ts";
import { contactOf, joinedColumns } from "../rows.ts";
import type { Contact } from "../schema.ts";
import type { ContactHit, How } from "./schema.ts";
import { type Spellings, type Term, termOf } from "./spelling.rules.ts";
import type { Search } from "./tiers.rules.ts";

type Db = Kysely<DB>;

/** What was typed as words, each once, as it is kept, and what begins so; their spellings not yet. */
export async function findTerms(db: Db, typed: readonly string[]): Promise<Term[]> {
  const { rows } = await sql<{ word: string; begun: string[] | null }>`
    select word, begun from crm.typed_words(${[...typed]}::text[])`.execute(db);
  return [...new Map(rows.map(({ word, begun }) => [word, termOf(word, begun)])).values()];
}

/** What may be meant by each of the words, in their order. */
export async function findSpellings(db: Db, words: readonly string[]): Promise<Spellings[]> {
  const { rows } = await sql<Spellings>`
    select near, within, parts from crm.spellings(${[...words]}::text[])`.execute(db);
  return rows;
}

/**
 * A contact that was found, and how good it is: its tier's rank. Where it takes long to tell tiers apart,
 * those of the ranks from `from` on count as one.
 */
export interface Found {
  readonly contact: Contact;
  readonly from: number;
  readonly rank: number;
  readonly matched: ContactHit["matched"];
}

/** The last of a page. The next one goes on behind it, and takes the same tiers for one. */
export interface Last {
  readonly from: number;
  readonly rank: number;
  readonly id: string;
}

/**
 * The best of those that fit the filter (filterJson's) and are not found by the query `beneath`, at most
 * `most`, `after` the page before.
 */
export async function searchContacts(
  db: Db,
  tenantId: string,
  {
    filter,
    search,
    beneath,
    fits,
    most,
    after,
  }: {
    readonly filter: string;
    readonly search: Search;
    readonly beneath: string | null;
    readonly fits: Readonly<Record<How, string>>;
    readonly most: number;
    readonly after: Last | undefined;
  },
): Promise<Found[]> {
  const { from = 0, rank: upto = -1, id = null } = after ?? {};
  // A page continues after its last contact in the same tiers, or, should those be gone, with the next.
  const first = search.tiers.findIndex(({ rank }) => rank >= from);
  if (first === -1) return [];
  const last = search.tiers.findLastIndex(({ rank }) => rank <= upto);
  const same = last >= first;
  const found = sql<{ contact_id: string; first_tier: number; tier: number }>`
    crm.search_contacts(${filter}::jsonb, ${search.wanted}::tsquery,
      ${[...search.terms]}::text[]::tsquery[],
      ${search.tiers.map(({ query }) => query)}::text[]::tsquery[], ${beneath}::tsquery,
      ${first + 1}::integer, ${(same ? last : first) + 1}::integer, ${same ? id : null}::uuid,
      ${most}::integer)`;
  const rows = await db
    .with(
      // Materialized: the queries are long, and would be read anew for every field.
      (cte) => cte("fits").materialized(),
      (qb) =>
        qb.selectNoFrom([
          sql<string>`nullif(${fits.exact}, '')::tsquery`.as("exact"),
          sql<string>`nullif(${fits.prefix}, '')::tsquery`.as("prefix"),
          sql<string>`nullif(${fits.infix}, '')::tsquery`.as("infix"),
          sql<string>`nullif(${fits.fuzzy}, '')::tsquery`.as("fuzzy"),
        ]),
    )
    .selectFrom(found.as("found"))
    .innerJoinLateral(
      rowById("crm.contacts", { tenantId, id: "found.contact_id", as: "contacts" }),
      (join) => join.onTrue(),
    )
    .select(joinedColumns)
    .select(["found.first_tier", "found.tier"])
    .select((eb) =>
      jsonArrayFrom(
        eb
          .selectFrom(searchedFields.as<"fields">("fields"))
          .select(["fields.field", "fields.how"])
          .where("fields.how", "is not", null)
          .$narrowType<{ how: How }>(),
      ).as("matched"),
    )
    .orderBy("found.tier")
    .orderBy("found.contact_id", "desc")
    .execute();
  const rankOf = (tier: number) => search.tiers[tier - 1]?.rank ?? 0;
  return rows.map((row) => ({
    contact: contactOf(row),
    from: rankOf(row.first_tier),
    rank: rankOf(row.tier),
    matched: row.matched,
  }));
}

/** The fields that `contacts.search` is made of, as it is, and how each of them fits, if it does. */
const searchedFields = sql<{ field: string; how: How | null }>`
  (select field, case when words @@ fits.exact then 'exact' when words @@ fits.prefix then 'prefix'
                      when words @@ fits.infix then 'infix' when words @@ fits.fuzzy then 'fuzzy' end as how
   from fits, (
     select field, to_tsvector('crm.names', crm.with_pieces(apart)) as words
     from (values
       ('firstName', crm.field_words(contacts.first_name)), ('lastName', crm.field_words(contacts.last_name)),
       ('company', crm.field_words(contacts.company)), ('email', crm.words_apart(contacts.email)),
       ('title', crm.words_apart(contacts.title)),
       ('tags', case when contacts.tags <> '{}' then crm.words_apart(array_to_string(contacts.tags, ' ')) end),
       ('phone', crm.words_apart(contacts.phone)), ('address.city', crm.words_apart(contacts.address_city))
     ) as apart (field, apart)
     -- Else the words would be made anew for each comparison.
     offset 0
   ) as searched)`;

/** The tenants that have words to go through, outside of all tenants. */
export async function tenantsWithWords(db: Db): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from crm.tenants_with_words() as tenants (id)`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Takes away words that nobody has any more, of the `most` that follow `after`. The last of those; null
 * at the end, or if somebody is writing contacts just then.
 */
export async function forgetWords(db: Db, after: string, most: number): Promise<string | null> {
  const { rows } = await sql<{ last: string | null }>`
    select crm.forget_words(${after}, ${most}::integer) as last`.execute(db);
  return rows[0]?.last ?? null;
}

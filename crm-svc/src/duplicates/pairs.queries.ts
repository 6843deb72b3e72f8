import { type Kysely, sql } from "kysely";
import { rowById } from "../by-id.queries.ts";
import type { DB } from "../tables.gen.ts";
import type { Reason } from "./schema.ts";

type Db = Kysely<DB>;

/** Two contacts that are likely one person. */
export interface Pair {
  readonly first_id: string;
  readonly second_id: string;
  readonly score: number;
  readonly reasons: readonly Reason[];
}

/** The last pair of a page. */
export type PairPosition = Pick<Pair, "score" | "first_id" | "second_id">;

/**
 * The pairs that nobody has dismissed, of contacts that are there and within reach, the likeliest first,
 * one more than `limit`.
 */
export async function listPairs(
  db: Db,
  { tenantId, ownedBy }: { readonly tenantId: string; readonly ownedBy: string | null },
  limit: number,
  after: PairPosition | undefined,
): Promise<Pair[]> {
  const rows = await db
    .selectFrom("crm.duplicate_pairs as pair")
    .innerJoinLateral(
      rowById("crm.contacts", { tenantId, id: "pair.first_id", as: "first" }),
      (join) => join.on("first.deleted_at", "is", null),
    )
    .innerJoinLateral(
      rowById("crm.contacts", { tenantId, id: "pair.second_id", as: "second" }),
      (join) => join.on("second.deleted_at", "is", null),
    )
    .select(["pair.first_id", "pair.second_id", "pair.score", "pair.reasons"])
    .where("pair.tenant_id", "=", tenantId)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("crm.duplicate_dismissals as dismissal")
            .where("dismissal.tenant_id", "=", tenantId)
            .whereRef("dismissal.first_id", "=", "pair.first_id")
            .whereRef("dismissal.second_id", "=", "pair.second_id"),
        ),
      ),
    )
    .$if(ownedBy !== null, (query) =>
      query
        .where("second.owner_user_id", "=", ownedBy)
        // From these it can begin, where they are few.
        .where("pair.first_id", "in", (eb) =>
          eb
            .selectFrom("crm.contacts")
            .select("contact_id")
            .where("tenant_id", "=", tenantId)
            .where("owner_user_id", "=", ownedBy)
            .where("deleted_at", "is", null),
        ),
    )
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(pair.score, pair.first_id, pair.second_id)
          < (${after?.score}::float8, ${after?.first_id}::uuid, ${after?.second_id}::uuid)`,
      ),
    )
    .orderBy("pair.score", "desc")
    .orderBy("pair.first_id", "desc")
    .orderBy("pair.second_id", "desc")
    .limit(limit + 1)
    .execute();
  // The column holds what `replacePairs` put there.
  return rows.map((row) => ({ ...row, reasons: row.reasons as Reason[] }));
}

/** A contact of the queue; `changedAt` tells whether it has changed again. */
export interface Queued {
  readonly contactId: string;
  readonly changedAt: string;
  /** Null if it is not there any more. */
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly company: string | null;
  readonly street: string | null;
  readonly postalCode: string | null;
  readonly there: boolean;
}

/** The first contacts of the queue, by id. */
export async function listQueued(db: Db, tenantId: string, limit: number): Promise<Queued[]> {
  return db
    .selectFrom("crm.duplicate_queue as queue")
    .leftJoinLateral(
      rowById("crm.contacts", { tenantId, id: "queue.contact_id", as: "contacts" }),
      (join) => join.on("contacts.deleted_at", "is", null),
    )
    .select([
      "queue.contact_id as contactId",
      sql<string>`queue.changed_at::text`.as("changedAt"),
      "contacts.first_name as firstName",
      "contacts.last_name as lastName",
      "contacts.email",
      "contacts.phone_e164 as phone",
      "contacts.company",
      "contacts.address_street as street",
      "contacts.address_postal_code as postalCode",
      sql<boolean>`contacts.contact_id is not null`.as("there"),
    ])
    .where("queue.tenant_id", "=", tenantId)
    .orderBy("queue.contact_id")
    .limit(limit)
    .execute();
}

/** Puts these pairs in the place of all that the contacts are in. */
export async function replacePairs(
  db: Db,
  tenantId: string,
  contactIds: readonly string[],
  pairs: readonly Pair[],
): Promise<void> {
  for (const column of ["first_id", "second_id"] as const) {
    await db
      .deleteFrom("crm.duplicate_pairs")
      .where("tenant_id", "=", tenantId)
      .where(column, "=", sql<string>`any(${contactIds}::uuid[])`)
      .execute();
  }
  if (pairs.length === 0) return;
  await sql`
    insert into crm.duplicate_pairs (tenant_id, first_id, second_id, score, reasons)
    select ${tenantId}::uuid, first_id, second_id, score, string_to_array(reasons, ' ')
    from unnest(${pairs.map((pair) => pair.first_id)}::uuid[],
                ${pairs.map((pair) => pair.second_id)}::uuid[],
                ${pairs.map((pair) => pair.score)}::float8[],
                ${pairs.map((pair) => pair.reasons.join(" "))}::text[])
      as pairs (first_id, second_id, score, reasons)
    on conflict (tenant_id, first_id, second_id)
    do update set score = excluded.score, reasons = excluded.reasons, found_at = now()`.execute(db);
}

/** Takes contacts out of the queue, but for those that have changed again. */
export async function removeQueued(
  db: Db,
  tenantId: string,
  queued: readonly Queued[],
): Promise<void> {
  await sql`
    delete from crm.duplicate_queue queue
    using unnest(${queued.map(({ contactId }) => contactId)}::uuid[],
                 ${queued.map(({ changedAt }) => changedAt)}::timestamptz[]) as done (contact_id, changed_at)
    where queue.tenant_id = ${tenantId}::uuid and queue.contact_id = done.contact_id
      and queue.changed_at = done.changed_at`.execute(db);
}

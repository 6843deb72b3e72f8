import { type Kysely, sql } from "kysely";
import { rowById } from "../by-id.queries.ts";
import { touched } from "../contacts/queries.ts";
import type { DB } from "../tables.gen.ts";
import { interactionColumns, interactionOf, joinedColumns, rowOf } from "./rows.ts";
import type { Interaction, InteractionFilter, InteractionValues } from "./schema.ts";

type Db = Kysely<DB>;

/** Whose interactions, of which tenant: `ownedBy` null means everybody's. */
export interface Reach {
  readonly tenantId: string;
  readonly ownedBy: string | null;
}

/** A new interaction: `userId` is who logged it, or who has to do it; null for a program. */
export interface NewInteraction {
  readonly id: string;
  readonly userId: string | null;
  readonly values: InteractionValues;
}

export async function insertInteraction(
  db: Db,
  tenantId: string,
  { id, userId, values }: NewInteraction,
): Promise<Interaction> {
  const row = await db
    .insertInto("crm.interactions")
    .values({ tenant_id: tenantId, interaction_id: id, user_id: userId, ...rowOf(values) })
    .returning(interactionColumns)
    .executeTakeFirstOrThrow();
  return interactionOf(row);
}

export async function findInteraction(
  db: Db,
  reach: Reach,
  id: string,
): Promise<Interaction | null> {
  const row = await selectInteractions(db, reach)
    .where("interaction_id", "=", id)
    .executeTakeFirst();
  return row === undefined ? null : interactionOf(row);
}

/** The interaction, locked until the transaction ends. */
export async function lockInteraction(
  db: Db,
  reach: Reach,
  id: string,
): Promise<Interaction | null> {
  const row = await selectInteractions(db, reach)
    .where("interaction_id", "=", id)
    .forUpdate()
    .executeTakeFirst();
  return row === undefined ? null : interactionOf(row);
}

/** Of a filter, what tells rows; `userId` is somebody's id. */
export type RowFilter = Omit<InteractionFilter, "userId"> & {
  readonly userId?: string | undefined;
};

/**
 * Newest first, one more than `limit`; `after` is the last of the page before.
 *
 * The ids come from an index alone, which holds all that is filtered by: where a filter lets few
 * through, the rows that it does not are never read.
 */
export async function listInteractions(
  db: Db,
  reach: Reach,
  filter: RowFilter,
  limit: number,
  after: { readonly occurredAt: string; readonly id: string } | undefined,
): Promise<Interaction[]> {
  const page = matching(db, reach, filter)
    .select("interaction_id")
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(occurred_at, interaction_id)
          < (${after?.occurredAt}::timestamptz, ${after?.id}::uuid)`,
      ),
    )
    .orderBy("occurred_at", "desc")
    .orderBy("interaction_id", "desc")
    .limit(limit + 1);
  const { tenantId } = reach;
  const rows = await db
    .selectFrom(page.as("page"))
    .innerJoinLateral(
      rowById("crm.interactions", { tenantId, id: "page.interaction_id", as: "interactions" }),
      (join) => join.onTrue(),
    )
    .select(joinedColumns)
    .orderBy("interactions.occurred_at", "desc")
    .orderBy("interactions.interaction_id", "desc")
    .execute();
  return rows.map(interactionOf);
}

/** The interactions that all filters let through. */
export function matching(db: Db, { tenantId, ownedBy }: Reach, filter: RowFilter) {
  const { contactId, userId, type, outcome, direction, from, to } = filter;
  return db
    .selectFrom("crm.interactions")
    .where("tenant_id", "=", tenantId)
    .where("deleted_at", "is", null)
    .$if(ownedBy !== null, (query) => query.where("user_id", "=", ownedBy))
    .$if(contactId !== undefined, (query) => query.where("contact_id", "=", contactId ?? null))
    .$if(userId !== undefined, (query) => query.where("user_id", "=", userId ?? null))
    .$if(type !== undefined, (query) => query.where("type", "=", type ?? ""))
    .$if(outcome !== undefined, (query) => query.where("outcome", "=", outcome ?? ""))
    .$if(direction !== undefined, (query) => query.where("direction", "=", direction ?? ""))
    .$if(from !== undefined, (query) => query.where("occurred_at", ">=", from ?? new Date(0)))
    .$if(to !== undefined, (query) => query.where("occurred_at", "<", to ?? new Date(0)));
}

export async function updateInteraction(
  db: Db,
  tenantId: string,
  id: string,
  values: InteractionValues,
): Promise<Interaction> {
  const row = await db
    .updateTable("crm.interactions")
    .set({ ...rowOf(values), ...touched })
    .where("tenant_id", "=", tenantId)
    .where("interaction_id", "=", id)
    .returning(interactionColumns)
    .executeTakeFirstOrThrow();
  return interactionOf(row);
}

export async function markInteractionDeleted(db: Db, tenantId: string, id: string): Promise<void> {
  await db
    .updateTable("crm.interactions")
    .set({ deleted_at: sql<Date>`now()`, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("interaction_id", "=", id)
    .execute();
}

/**
 * The contact if it is there, held until the transaction ends: it may be changed meanwhile, but not
 * become part of another, which would leave behind what is added to it.
 */
export async function holdContact(
  db: Db,
  { tenantId, ownedBy }: Reach,
  id: string,
): Promise<string | null> {
  const row = await db
    .selectFrom("crm.contacts")
    .select("contact_id")
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", id)
    .where("deleted_at", "is", null)
    .$if(ownedBy !== null, (query) => query.where("owner_user_id", "=", ownedBy))
    .forKeyShare()
    .executeTakeFirst();
  return row?.contact_id ?? null;
}

/** The contact that alone has this address or number; null if there is none, or several. */
export async function findContactOf(
  db: Db,
  tenantId: string,
  { email, phone }: { readonly email: string | null; readonly phone: string | null },
): Promise<string | null> {
  const { rows } = await sql<{ contact_id: string }>`
    (select contact_id from crm.contacts
     where tenant_id = ${tenantId}::uuid and email = ${email}::text and deleted_at is null limit 2)
    union
    (select contact_id from crm.contacts
     where tenant_id = ${tenantId}::uuid and phone_e164 = ${phone}::text and deleted_at is null
     limit 2)`.execute(db);
  return rows.length === 1 ? (rows[0]?.contact_id ?? null) : null;
}

/** The interactions that are there (not deleted) and within reach. */
function selectInteractions(db: Db, { tenantId, ownedBy }: Reach) {
  return db
    .selectFrom("crm.interactions")
    .select(interactionColumns)
    .where("tenant_id", "=", tenantId)
    .where("deleted_at", "is", null)
    .$if(ownedBy !== null, (query) => query.where("user_id", "=", ownedBy));
}

import { type Kysely, sql, type UpdateObject } from "kysely";
import { touched } from "../../contacts/queries.ts";
import type { DB } from "../../tables.gen.ts";
import type { Reach } from "../queries.ts";
import { interactionColumns, interactionOf } from "../rows.ts";
import type { Interaction, MissingField } from "../schema.ts";
import { CLAIM_MINUTES } from "./schema.ts";

type Db = Kysely<DB>;

/** Of the queue; `assignedTo` null says nobody's. */
export interface QueueFilter {
  readonly assignedTo?: string | null | undefined;
  readonly missing?: MissingField | undefined;
}

/** Oldest first, one more than `limit`; `after` is the last of the page before. */
export async function listQueue(
  db: Db,
  { tenantId, ownedBy }: Reach,
  { assignedTo, missing }: QueueFilter,
  limit: number,
  after: { readonly createdAt: string; readonly id: string } | undefined,
): Promise<Interaction[]> {
  const rows = await db
    .selectFrom("crm.interactions")
    .select(interactionColumns)
    .where("tenant_id", "=", tenantId)
    .where("in_review", "=", true)
    .$if(ownedBy !== null, (query) => query.where("user_id", "=", ownedBy))
    .$if(assignedTo === null, (query) => query.where("assigned_to", "is", null))
    .$if(typeof assignedTo === "string", (query) =>
      query.where("assigned_to", "=", assignedTo ?? null),
    )
    .$if(missing !== undefined, (query) => query.where(sql<boolean>`${missing} = any (missing)`))
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(created_at, interaction_id)
          > (${after?.createdAt}::timestamptz, ${after?.id}::uuid)`,
      ),
    )
    .orderBy("created_at")
    .orderBy("interaction_id")
    .limit(limit + 1)
    .execute();
  return rows.map(interactionOf);
}

/** Makes the interaction, which must be locked, the reviewer's for a while. */
export async function claim(
  db: Db,
  tenantId: string,
  id: string,
  userId: string,
): Promise<Interaction> {
  const row = await db
    .updateTable("crm.interactions")
    .set({ claimed_by: userId, claimed_until: claimEnd, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("interaction_id", "=", id)
    .returning(interactionColumns)
    .executeTakeFirstOrThrow();
  return interactionOf(row);
}

/**
 * Claims the one that has waited longest of those that nobody is at. Whoever asks at the same time gets
 * the next one, instead of waiting for this.
 */
export async function claimNext(
  db: Db,
  { tenantId, ownedBy }: Reach,
  userId: string,
): Promise<Interaction | null> {
  const row = await db
    .with(
      (cte) => cte("next").materialized(),
      (cte) =>
        cte
          .selectFrom("crm.interactions")
          .select("interaction_id")
          .where("tenant_id", "=", tenantId)
          .where("in_review", "=", true)
          .$if(ownedBy !== null, (query) => query.where("user_id", "=", ownedBy))
          .where((eb) =>
            eb.and([
              eb.or([eb("claimed_until", "is", null), eb("claimed_until", "<=", sql<Date>`now()`)]),
              eb.or([eb("assigned_to", "is", null), eb("assigned_to", "=", userId)]),
            ]),
          )
          .orderBy("created_at")
          .orderBy("interaction_id")
          .limit(1)
          .forUpdate()
          .skipLocked(),
    )
    .updateTable("crm.interactions")
    .set({ claimed_by: userId, claimed_until: claimEnd, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("interaction_id", "=", (eb) => eb.selectFrom("next").select("interaction_id"))
    .returning(interactionColumns)
    .executeTakeFirst();
  return row === undefined ? null : interactionOf(row);
}

const claimEnd = sql<Date>`now() + make_interval(mins => ${sql.lit(CLAIM_MINUTES)})`;
const unclaimed = { claimed_by: null, claimed_until: null };

/** Says who is to look at it; null says anybody. Nobody is at it then. */
export async function assign(
  db: Db,
  tenantId: string,
  id: string,
  userId: string | null,
): Promise<Interaction> {
  return update(db, tenantId, id, { assigned_to: userId });
}

export async function dismiss(
  db: Db,
  tenantId: string,
  id: string,
  reason: string,
): Promise<Interaction> {
  return update(db, tenantId, id, { dismissed_at: sql<Date>`now()`, dismissed_reason: reason });
}

async function update(
  db: Db,
  tenantId: string,
  id: string,
  set: UpdateObject<DB, "crm.interactions", "crm.interactions">,
): Promise<Interaction> {
  const row = await db
    .updateTable("crm.interactions")
    .set({ ...set, ...unclaimed, ...touched })
    .where("tenant_id", "=", tenantId)
    .where("interaction_id", "=", id)
    .returning(interactionColumns)
    .executeTakeFirstOrThrow();
  return interactionOf(row);
}

/** The status of a user of the tenant; null if there is none. */
export async function findUserStatus(
  db: Db,
  tenantId: string,
  userId: string,
): Promise<string | null> {
  const row = await db
    .selectFrom("identity.users")
    .select("status")
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  return row?.status ?? null;
}

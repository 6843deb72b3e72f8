import { type Kysely, sql } from "kysely";
import type { DB } from "../../tables.gen.ts";
import { clock } from "../queries.ts";
import { leadColumns, leadOf } from "../rows.ts";
import type { Lead } from "../schema.ts";
import { nextInTurn } from "./rules.ts";

type Db = Kysely<DB>;

export async function findContactCountry(
  db: Db,
  tenantId: string,
  contactId: string,
): Promise<string | null> {
  const row = await db
    .selectFrom("crm.contacts")
    .select("address_country")
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", contactId)
    .executeTakeFirst();
  return row?.address_country ?? null;
}

/**
 * Whose turn it is, and takes it. The row of the rotation is locked until the transaction ends, so that
 * of leads that come at once each goes to the next. Null if nobody can be assigned anything.
 */
export async function takeTurn(
  db: Db,
  tenantId: string,
  rotation: string,
  userIds: readonly string[],
): Promise<string | null> {
  if (userIds.length === 0) return null;
  await db
    .insertInto("crm.lead_rotations")
    .values({ tenant_id: tenantId, rotation })
    .onConflict((conflict) => conflict.columns(["tenant_id", "rotation"]).doNothing())
    .execute();
  const { last_user_id: last } = await db
    .selectFrom("crm.lead_rotations")
    .select("last_user_id")
    .where("tenant_id", "=", tenantId)
    .where("rotation", "=", rotation)
    .forUpdate()
    .executeTakeFirstOrThrow();
  const fit = await db
    .selectFrom("identity.users")
    .select("user_id")
    .where("tenant_id", "=", tenantId)
    .where("status", "!=", "disabled")
    .where(sql<boolean>`user_id = any(${userIds}::uuid[])`)
    .execute();
  const next = nextInTurn(userIds, last, new Set(fit.map((row) => row.user_id)));
  if (next !== null) {
    await db
      .updateTable("crm.lead_rotations")
      .set({ last_user_id: next })
      .where("tenant_id", "=", tenantId)
      .where("rotation", "=", rotation)
      .execute();
  }
  return next;
}

/** Gives up to `most` of a user's leads to another. Returns them as they are afterwards. */
export async function reassignLeads(
  db: Db,
  tenantId: string,
  { from, to, includeClosed }: { from: string; to: string; includeClosed: boolean },
  most: number,
): Promise<Lead[]> {
  const some = db
    .selectFrom("crm.leads")
    .select("lead_id")
    .where("tenant_id", "=", tenantId)
    .where("assigned_user_id", "=", from)
    .where("deleted_at", "is", null)
    .$if(!includeClosed, (query) => query.where("is_open", "=", true))
    .orderBy("lead_id")
    .limit(most)
    .forNoKeyUpdate();
  const rows = await db
    .updateTable("crm.leads")
    .set({ assigned_user_id: to, version: sql<number>`version + 1`, updated_at: clock })
    .where("tenant_id", "=", tenantId)
    .where("lead_id", "in", some)
    .returning(leadColumns)
    .execute();
  return rows.map(leadOf);
}

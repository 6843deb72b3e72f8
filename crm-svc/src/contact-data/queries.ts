import { type Kysely, sql } from "kysely";
import { type ContactRow, contactColumns, contactOf } from "../contacts/rows.ts";
import { type InteractionRow, interactionColumns, interactionOf } from "../interactions/rows.ts";
import { type LeadRow, leadColumns, leadOf } from "../leads/rows.ts";
import type { DB } from "../tables.gen.ts";
import type { ContactData } from "./schema.ts";

/** Whose rows the caller may see: everybody's, nobody's, or their own. */
export type Visible = "everybody's" | "nobody's" | { readonly userId: string };

export interface DataReach {
  readonly tenantId: string;
  /** Whose contacts; null says everybody's. */
  readonly ownedBy: string | null;
  readonly interactions: Visible;
  readonly leads: Visible;
}

/**
 * A contact, or the one that it is part of, with its latest interactions and its open leads: in one
 * statement, so all of it is from the same moment. Null if there is no such contact within reach.
 */
export async function findContactData(
  db: Kysely<DB>,
  { tenantId, ownedBy, interactions, leads }: DataReach,
  contactId: string,
  limits: { readonly interactions: number; readonly leads: number },
): Promise<ContactData | null> {
  const columns = (names: readonly string[]) => sql.join(names.map((name) => sql.ref(name)));
  const { rows } = await sql<ContactRow & { interactions: unknown[]; leads: unknown[] }>`
    with recursive chain as (
      select contact_id, merged_into from crm.contacts
      where tenant_id = ${tenantId}::uuid and contact_id = ${contactId}::uuid
      union
      select next.contact_id, next.merged_into from chain join crm.contacts next
        on next.tenant_id = ${tenantId}::uuid and next.contact_id = chain.merged_into
    )
    select ${columns(contactColumns)},
      coalesce((select jsonb_agg(to_jsonb(one) order by occurred_at desc, interaction_id desc) from (
        select ${columns(interactionColumns)} from crm.interactions
        where tenant_id = ${tenantId}::uuid and contact_id = contacts.contact_id
          and deleted_at is null and ${visible("user_id", interactions)}
        order by occurred_at desc, interaction_id desc limit ${limits.interactions}::integer
      ) as one), '[]') as interactions,
      coalesce((select jsonb_agg(to_jsonb(one) || jsonb_build_object('value', value::text)
                                 order by created_at desc, lead_id desc) from (
        select ${columns(leadColumns)} from crm.leads
        where tenant_id = ${tenantId}::uuid and contact_id = contacts.contact_id
          and deleted_at is null and is_open and ${visible("assigned_user_id", leads)}
        order by created_at desc, lead_id desc limit ${limits.leads}::integer
      ) as one), '[]') as leads
    from crm.contacts contacts
    where tenant_id = ${tenantId}::uuid and deleted_at is null
      and contact_id = (select contact_id from chain where merged_into is null)
      and ${ownedBy === null ? sql`true` : sql`owner_user_id = ${ownedBy}::uuid`}`.execute(db);
  const [row] = rows;
  if (row === undefined) return null;
  return {
    contact: contactOf(row),
    // They hold the very columns that they were selected by.
    interactions: row.interactions.map((one) =>
      interactionOf(withDates(one, INTERACTION_TIMES) as InteractionRow),
    ),
    leads: row.leads.map((one) => leadOf(withDates(one, LEAD_TIMES) as LeadRow)),
  };
}

const INTERACTION_TIMES = [
  "occurred_at",
  "claimed_until",
  "dismissed_at",
  "created_at",
  "updated_at",
] as const satisfies readonly (keyof InteractionRow)[];
const LEAD_TIMES = [
  "expected_close_at",
  "status_since",
  "last_activity_at",
  "follow_up_since",
  "snoozed_until",
  "created_at",
  "updated_at",
] as const satisfies readonly (keyof LeadRow)[];

/** In jsonb a time is text. */
function withDates(row: unknown, times: readonly string[]): unknown {
  const entries = Object.entries(row ?? {}).map(([name, value]) => [
    name,
    typeof value === "string" && times.includes(name) ? new Date(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function visible(column: string, whose: Visible) {
  if (whose === "everybody's") return sql`true`;
  if (whose === "nobody's") return sql`false`;
  return sql`${sql.ref(column)} = ${whose.userId}::uuid`;
}

import { type Kysely, type RawBuilder, sql } from "kysely";
import { type InteractionRow, interactionColumns, interactionOf } from "../interactions/rows.ts";
import type { DB } from "../tables.gen.ts";
import type { Wanted } from "./rules.ts";
import type { Kind, TimelineEntry } from "./schema.ts";

/** Whose interactions or leads the reader may see. */
export type Visible = "everybody's" | "nobody's" | { readonly userId: string };

export interface TimelineOf {
  readonly tenantId: string;
  /** If it is part of another contact, that one's entries are meant. */
  readonly contactId: string;
  /** Whose contact it must be; null says anybody's. */
  readonly ownedBy: string | null;
  readonly visible: { readonly interactionsOf: Visible; readonly leadsOf: Visible };
}

export interface TimelineFilter extends Wanted {
  readonly from: Date | undefined;
  readonly to: Date | undefined;
}

/** The last entry of the page before. */
interface Position {
  readonly at: string;
  readonly id: string;
}

/** The contact is there, but no entry. */
interface NoRow {
  readonly id: null;
}

interface NoInteraction {
  readonly interaction_id: null;
}

interface EntryRow {
  readonly at: Date;
  readonly id: string;
  readonly kind: Kind;
  readonly action: string;
  readonly entry_user_id: string | null;
  readonly entry_contact_id: string;
  readonly lead_id: string | null;
  readonly before: TimelineEntry["before"];
  readonly after: TimelineEntry["after"];
}

/** Changes of which the audit log keeps all of the contact or lead; which fields changed is no question. */
const WHOLE = ["created", "deleted", "restored", "merged_away"];
const MERGES = ["merged", "merged_away", "merge_undone"];

/**
 * A contact's entries, newest first, one more than `limit`; null if there is no such contact within reach.
 * Each source gives at most that many, by an index that has its entries in this order, so it does not
 * matter how many there are. Entries of equal times are in the order of their ids, which are unique among
 * all sources.
 */
export async function listTimeline(
  db: Kysely<DB>,
  of: TimelineOf,
  filter: TimelineFilter,
  limit: number,
  after: Position | undefined,
): Promise<TimelineEntry[] | null> {
  const { tenantId, contactId, ownedBy } = of;
  const sources = [NOTHING, ...sourcesOf(of, filter, limit + 1, after)];
  const interactionFields = sql.join(
    interactionColumns.map((column) => sql.ref(`interaction.${column}`)),
  );
  const { rows } = await sql<NoRow | (EntryRow & (InteractionRow | NoInteraction))>`
    with recursive chain as (
      select contact_id, merged_into, deleted_at, owner_user_id from crm.contacts
      where tenant_id = ${tenantId}::uuid and contact_id = ${contactId}::uuid
      union
      select next.contact_id, next.merged_into, next.deleted_at, next.owner_user_id
      from chain join crm.contacts next
        on next.tenant_id = ${tenantId}::uuid and next.contact_id = chain.merged_into
    ), target as materialized (
      select contact_id as id from chain
      where merged_into is null and deleted_at is null
        and ${ownedBy === null ? sql`true` : sql`owner_user_id = ${ownedBy}::uuid`}
    ), person as (
      select id from target
      union
      select source.contact_id
      from person join crm.contacts source
        on source.tenant_id = ${tenantId}::uuid and source.merged_into = person.id
    ), entry as materialized (
      select * from (${sql.join(sources, sql` union all `)}) as entries
      order by at desc, id desc
      limit ${limit + 1}::integer
    )
    select entry.at, entry.id, entry.kind, entry.action,
      -- An API key is no user.
      (select users.user_id from identity.users
       where users.tenant_id = ${tenantId}::uuid and users.user_id = entry.user_id)
      as entry_user_id, entry.contact_id as entry_contact_id, entry.lead_id, entry.before, entry.after,
      ${interactionFields}
    from target left join entry on true left join crm.interactions interaction
      on interaction.tenant_id = ${tenantId}::uuid and interaction.interaction_id = entry.id
      and entry.kind = 'interaction'
    order by entry.at desc, entry.id desc`.execute(db);
  if (rows.length === 0) return null;
  return rows.flatMap((row) =>
    row.id === null
      ? []
      : {
          id: row.id,
          at: row.at.toISOString(),
          kind: row.kind,
          action: row.action,
          userId: row.entry_user_id,
          contactId: row.entry_contact_id,
          leadId: row.lead_id,
          before: row.before,
          after: row.after,
          interaction: row.interaction_id === null ? null : interactionOf(row),
        },
  );
}

/** What a source's entries are made of; of no source at all there are none. */
const NOTHING = sql`
  (select null::timestamptz as at, null::uuid as id, null::text as kind, null::text as action,
     null::uuid as user_id, null::uuid as contact_id, null::uuid as lead_id, null::jsonb as before,
     null::jsonb as after
   where false)`;

/** The contact that was found in place of the one that was asked for. */
const TARGET = sql`(select id from target)`;

function sourcesOf(
  { tenantId, visible }: TimelineOf,
  { kinds, interactionTypes, from, to }: TimelineFilter,
  most: number,
  after: Position | undefined,
): RawBuilder<unknown>[] {
  const within = (at: string, id: string): RawBuilder<unknown> => {
    const conditions = [
      ...(from === undefined ? [] : [sql`${sql.ref(at)} >= ${from}::timestamptz`]),
      ...(to === undefined ? [] : [sql`${sql.ref(at)} < ${to}::timestamptz`]),
      ...(after === undefined
        ? []
        : [sql`(${sql.ref(at)}, ${sql.ref(id)}) < (${after.at}::timestamptz, ${after.id}::uuid)`]),
    ];
    return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
  };
  const newest = (at: string, id: string): RawBuilder<unknown> =>
    sql`order by ${sql.ref(at)} desc, ${sql.ref(id)} desc limit ${most}::integer`;

  const { interactionsOf, leadsOf } = visible;
  const sources: RawBuilder<unknown>[] = [];
  if (kinds.includes("interaction") && interactionsOf !== "nobody's") {
    const interactions = (type: RawBuilder<unknown>) => sql`
      (select occurred_at as at, interaction_id as id, 'interaction' as kind, type as action, user_id,
         contact_id, null::uuid as lead_id, null::jsonb as before, null::jsonb as after
       from crm.interactions
       where tenant_id = ${tenantId}::uuid and contact_id = ${TARGET}
         and deleted_at is null and ${ownedBy("user_id", interactionsOf)} and ${type}
         and ${within("occurred_at", "interaction_id")}
       ${newest("occurred_at", "interaction_id")})`;
    if (interactionTypes === null) sources.push(interactions(sql`true`));
    // Each by itself, because no index has several in the order of time.
    else sources.push(...interactionTypes.map((type) => interactions(sql`type = ${type}`)));
  }

  // What the audit log keeps of each of some contacts, or of some leads.
  const changes = (
    entity: string,
    owners: RawBuilder<unknown>,
    columns: RawBuilder<unknown>,
    condition: RawBuilder<unknown>,
  ) => sql`
    (select change.occurred_at as at, change.audit_id as id, ${columns}
     from ${owners} cross join lateral (
       select occurred_at, audit_id, action, actor_id, before, after from crm.audit_log
       where tenant_id = ${tenantId}::uuid and entity = ${sql.lit(entity)} and entity_id = owner.id
         and ${condition} and ${within("occurred_at", "audit_id")}
       ${newest("occurred_at", "audit_id")}
     ) as change)`;
  const part = (name: "before" | "after") => sql`
    case when change.action <> all(${sql.val(WHOLE)}::text[]) then change.${sql.ref(name)} end
    as ${sql.ref(name)}`;

  const ofContact = kinds.filter((kind) => kind === "merge" || kind === "change");
  if (ofContact.length > 0) {
    const merge = (action: string) => sql`${sql.ref(action)} = any(${sql.val(MERGES)}::text[])`;
    const only =
      ofContact.length === 2
        ? sql`true`
        : ofContact[0] === "merge"
          ? merge("action")
          : sql`not ${merge("action")}`;
    sources.push(
      changes(
        "contact",
        sql`person as owner`,
        sql`case when ${merge("change.action")} then 'merge' else 'change' end as kind,
          change.action, change.actor_id as user_id, owner.id as contact_id, null::uuid as lead_id,
          ${part("before")}, ${part("after")}`,
        // The contact that it went into tells of the merge already.
        sql`${only} and not (action = 'merged_away' and owner.id <> ${TARGET})`,
      ),
    );
  }
  const ofLead = kinds.filter((kind) => kind === "lead" || kind === "conversion");
  if (ofLead.length > 0 && leadsOf !== "nobody's") {
    const only =
      ofLead.length === 2
        ? sql`true`
        : ofLead[0] === "lead"
          ? sql`action <> 'converted'`
          : sql`action = 'converted'`;
    sources.push(
      changes(
        "lead",
        sql`(select lead_id as id from crm.leads
          where tenant_id = ${tenantId}::uuid and contact_id = ${TARGET}
            and ${ownedBy("assigned_user_id", leadsOf)}) as owner`,
        sql`case when change.action = 'converted' then 'conversion' else 'lead' end as kind,
          change.action, change.actor_id as user_id, ${TARGET} as contact_id, owner.id as lead_id,
          ${part("before")}, ${part("after")}`,
        only,
      ),
    );
  }
  return sources;
}

function ownedBy(column: string, visible: Visible): RawBuilder<unknown> {
  return typeof visible === "string"
    ? sql`true`
    : sql`${sql.ref(column)} = ${visible.userId}::uuid`;
}

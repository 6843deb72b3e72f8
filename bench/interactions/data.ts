import { withClient } from "../../tools/local/database.ts";
import { vacuum } from "../vacuum.ts";

/** What there is to be measured, in one tenant. */
export interface InteractionCounts {
  readonly interactions: number;
  /** Those of them that are with one and the same contact. */
  readonly ofBusiestContact: number;
  readonly users: number;
}

/**
 * Puts invented interactions into a tenant, all of the last year: skewed by user, type and time of day,
 * as a sales team's are, a third of them with a duration. By the tables' owner, whom no policy binds.
 * Returns the contact that has most.
 */
export async function fillInteractions(
  ownerUrl: string,
  tenantId: string,
  { interactions, ofBusiestContact, users }: InteractionCounts,
): Promise<string> {
  return withClient(ownerUrl, async (owner) => {
    await owner.query(INSERT_USERS, [tenantId, users]);
    await owner.query("select setseed(0.42)");
    await owner.query(INSERT_INTERACTIONS, [tenantId, interactions, ofBusiestContact]);
    await vacuum(owner, "crm.interactions");
    await owner.query("analyze crm.audit_log");
    const { rows } = await owner.query<{ id: string }>(
      "select contact_id as id from crm.contacts where tenant_id = $1 order by contact_id limit 1",
      [tenantId],
    );
    const [busiest] = rows;
    if (busiest === undefined) throw new Error("the tenant has no contacts");
    return busiest.id;
  });
}

const INSERT_USERS = `
  insert into identity.users (tenant_id, user_id, email, full_name, role)
  select $1, gen_random_uuid(), 'seller-' || number || '@bench.example', 'Seller ' || number, 'sales'
  from generate_series(1, $2::integer) as number`;

const INSERT_INTERACTIONS = `
  with person as materialized (
    select array_agg(contact_id order by contact_id) as ids
    from crm.contacts where tenant_id = $1::uuid
  ), seller as materialized (
    select array_agg(user_id order by user_id) as ids from identity.users where tenant_id = $1::uuid
  ), drawn as materialized (
    select number, random() as kind, random() as ending, random() as who, random() as whom,
           random() as length, random() as day, random() as hour
    from generate_series(1, $2::integer) as number
  ), typed as (
    select *, case when kind < 0.38 then 'email' when kind < 0.63 then 'call' when kind < 0.75 then 'meeting'
                   when kind < 0.87 then 'note' when kind < 0.96 then 'task' when kind < 0.985 then 'chat'
                   when kind < 0.998 then 'sms' else 'other' end as type
    from drawn
  ), ended as (
    select *, case type
        when 'call' then (array['connected', 'connected', 'connected', 'noAnswer', 'voicemail', 'busy'])
                         [1 + floor(ending * 6)::integer]
        when 'email' then (array['sent', 'sent', 'delivered', 'replied', 'bounced'])
                          [1 + floor(ending ^ 2 * 5)::integer]
        when 'meeting' then (array['held', 'held', 'held', 'noShow', 'cancelled'])
                            [1 + floor(ending * 5)::integer]
        when 'task' then (array['done', 'done', 'open', 'cancelled'])[1 + floor(ending * 4)::integer]
        when 'chat' then (array['answered', 'missed'])[1 + floor(ending * 2)::integer]
        when 'sms' then 'sent'
        when 'other' then 'successful'
      end as outcome
    from typed
  )
  insert into crm.interactions (
    tenant_id, interaction_id, contact_id, type, direction, subject, body, occurred_at,
    duration_seconds, outcome, user_id, created_at
  )
  select $1::uuid, gen_random_uuid(),
    case when number <= $3::integer then person.ids[1]
         else person.ids[1 + floor(whom * cardinality(person.ids))::integer] end,
    type, case when type in ('note', 'task') then null when ending < 0.4 then 'inbound' else 'outbound' end,
    'About offer ' || number, repeat('What was said about offer ' || number || '. ', 4), at,
    case when outcome in ('connected', 'held')
         then (case type when 'meeting' then 900 + length * 5400 else -400 * ln(1 - length * 0.999) end)::integer
    end,
    outcome, seller.ids[1 + floor(who ^ 1.5 * cardinality(seller.ids))::integer], at
  from ended, person, seller, lateral (
    select date_trunc('day', now()) - make_interval(days => floor(1 + day * 364)::integer)
           + make_interval(secs => 21600 + 43200 * hour) as at
  ) as time
  order by at`;

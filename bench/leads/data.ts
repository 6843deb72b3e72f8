import { withClient } from "../../tools/local/database.ts";
import { vacuum } from "../vacuum.ts";

/** What there is to be measured, in one tenant. */
export interface LeadCounts {
  readonly leads: number;
  readonly users: number;
}

/**
 * Puts invented leads into a tenant, made in the last two years, with all the states that they were in:
 * two thirds won or lost, most of the others far from it. By the tables' owner, whom no policy binds.
 */
export async function fillLeads(
  ownerUrl: string,
  tenantId: string,
  { leads, users }: LeadCounts,
): Promise<void> {
  await withClient(ownerUrl, async (owner) => {
    await owner.query(INSERT_USERS, [tenantId, users]);
    await owner.query("select setseed(0.42)");
    // It would say that everything began now.
    await owner.query("alter table crm.leads disable trigger leads_added");
    await owner.query(INSERT_LEADS, [tenantId, leads]);
    await owner.query("alter table crm.leads enable trigger leads_added");
    await owner.query(INSERT_STATES, [tenantId]);
    await vacuum(owner, "crm.leads");
    await vacuum(owner, "crm.lead_states");
  });
}

const INSERT_USERS = `
  insert into identity.users (tenant_id, user_id, email, full_name, role)
  select $1, gen_random_uuid(), 'agent-' || number || '@bench.example', 'Agent ' || number, 'sales'
  from generate_series(1, $2::integer) as number`;

const INSERT_LEADS = `
  with person as materialized (
    select array_agg(contact_id) as ids from crm.contacts where tenant_id = $1::uuid
  ), agent as materialized (
    select array_agg(user_id) as ids from identity.users where tenant_id = $1::uuid
  ), drawn as materialized (
    select number, random() as fate, random() as who, random() as worth, random() as origin,
      random() as lasted, random() as closing,
      now() - make_interval(secs => random() * 730 * 86400) as created
    from generate_series(1, $2::integer) as number
  ), placed as (
    select *, case when fate < 0.3 then 'won' when fate < 0.66 then 'lost' when fate < 0.8 then 'new'
                   when fate < 0.88 then 'contacted' when fate < 0.94 then 'qualified'
                   when fate < 0.98 then 'proposal' else 'negotiation' end as status
    from drawn
  )
  insert into crm.leads (tenant_id, lead_id, contact_id, title, value, currency, likelihood,
    expected_close_at, assigned_user_id, source, status, status_since, lost_reason, furthest, score_stale,
    created_at, updated_at, last_activity_at)
  select $1::uuid, gen_random_uuid(),
    person.ids[1 + floor(who * cardinality(person.ids))::integer], 'Offer ' || number,
    case when worth > 0.1 then round((100 + 1e5 * worth ^ 4)::numeric, 2) end,
    case when worth > 0.1 then (array['EUR', 'EUR', 'EUR', 'USD', 'GBP'])[1 + floor(origin * 5)::integer] end,
    case status when 'won' then 100 when 'lost' then 0 when 'new' then 10 when 'contacted' then 20
                when 'qualified' then 40 when 'proposal' then 60 else 80 end,
    case when closing > 0.2 then now() + make_interval(days => (closing * 400)::integer - 60) end,
    agent.ids[1 + floor(who ^ 1.5 * cardinality(agent.ids))::integer],
    (array['web', 'fair', 'call', 'referral', 'partner', 'campaign'])[1 + floor(origin * 6)::integer],
    status, created + (now() - created) * lasted, case when status = 'lost' then 'price' end,
    case status when 'won' then 6 when 'lost' then 1 + floor(lasted * 5)::integer when 'new' then 1
                when 'contacted' then 2 when 'qualified' then 3 when 'proposal' then 4 else 5 end,
    false, created, created, created
  from placed, person, agent
  order by created`;

const INSERT_STATES = `
  insert into crm.lead_states (tenant_id, lead_id, valid_from, valid_to, status, status_since, value,
    currency, likelihood, assigned_user_id)
  select tenant_id, lead_id, since, until, stage, since, value, currency,
    case step when 4 then likelihood else step * 10 end, assigned_user_id
  from crm.leads,
    generate_series(1, 4) as step,
    lateral (select created_at + (status_since - created_at) * (step - 1) / 3 as since,
                    case when step < 4 then created_at + (status_since - created_at) * step / 3 end as until,
                    (array['new', 'contacted', 'qualified', status])[step] as stage) as span
  where tenant_id = $1::uuid
  order by since`;

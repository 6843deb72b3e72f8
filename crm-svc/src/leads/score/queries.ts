import { type Kysely, sql } from "kysely";
import type { DB } from "../../tables.gen.ts";
import type { LeadStatus } from "../schema.ts";
import type { Contacted, ScoreFacts } from "./schema.ts";

type Db = Kysely<DB>;

interface FactsRow {
  readonly lead_id: string;
  readonly status: string;
  readonly days: number;
  readonly value: string | null;
  readonly currency: string | null;
  readonly source: string | null;
  readonly name: boolean;
  readonly email: boolean;
  readonly phone: boolean;
  readonly company: boolean;
  readonly title: boolean;
  readonly country: boolean;
  readonly contacted: Contacted[] | null;
}

/** What the scores of these leads rest on. Of a contact it reads no more than 200 interactions. */
export async function findScoreFacts(
  db: Db,
  tenantId: string,
  leadIds: readonly string[],
  halfLifeDays: number,
): Promise<ScoreFacts[]> {
  const { rows } = await sql<FactsRow>`
    select leads.lead_id, leads.status, leads.value, leads.currency, leads.source,
      greatest(extract(epoch from clock_timestamp() - leads.status_since)::float8 / 86400, 0) as days,
      coalesce(contacts.first_name, contacts.last_name) is not null as name,
      contacts.email is not null as email, contacts.phone is not null as phone,
      contacts.company is not null as company, contacts.title is not null as title,
      contacts.address_country is not null as country,
      (select jsonb_agg(jsonb_build_object('type', type, 'direction', direction,
                                           'count', number, 'recent', recent))
       from (
         select type, direction, count(*) as number,
           -- Of more half-lives than a number has digits for, PostgreSQL makes an error and not 0.
           sum(power(0.5, least(1000, greatest(extract(epoch from clock_timestamp() - occurred_at), 0)
                                      ::float8 / 86400 / ${halfLifeDays}::float8))) as recent
         from (
           select type, direction, outcome, occurred_at from crm.interactions
           where tenant_id = ${tenantId}::uuid and contact_id = leads.contact_id
             and deleted_at is null
           order by occurred_at desc, interaction_id desc limit 200
         ) as newest
         where type <> 'task' or outcome = 'done'
         group by type, direction
       ) as kinds) as contacted
    from crm.leads leads
    join crm.contacts contacts
      on contacts.tenant_id = ${tenantId}::uuid and contacts.contact_id = leads.contact_id
    where leads.tenant_id = ${tenantId}::uuid and leads.lead_id = any(${leadIds}::uuid[])`.execute(
    db,
  );
  return rows.map((row) => ({
    leadId: row.lead_id,
    // As the table's CHECK has it.
    status: row.status as LeadStatus,
    daysInStatus: row.days,
    value:
      row.value === null || row.currency === null
        ? null
        : { amount: row.value, currency: row.currency },
    source: row.source,
    contact: {
      name: row.name,
      email: row.email,
      phone: row.phone,
      company: row.company,
      title: row.title,
      country: row.country,
    },
    contacted: row.contacted ?? [],
  }));
}

export interface KeptScore {
  readonly leadId: string;
  readonly score: number;
}

/** Keeps scores, which is no change of the leads. */
export async function keepScores(
  db: Db,
  tenantId: string,
  scores: readonly KeptScore[],
): Promise<void> {
  await sql`
    update crm.leads as leads set score = kept.score, score_stale = false
    from jsonb_to_recordset(${JSON.stringify(scores)}::jsonb)
      as kept ("leadId" uuid, score smallint)
    where leads.tenant_id = ${tenantId}::uuid and leads.lead_id = kept."leadId"
      and (leads.score <> kept.score or leads.score_stale)`.execute(db);
}

/** Some open leads whose scores are stale, locked; others that are locked already are left out. */
export async function lockStale(db: Db, tenantId: string, most: number): Promise<string[]> {
  const rows = await db
    .selectFrom("crm.leads")
    .select("lead_id")
    .where("tenant_id", "=", tenantId)
    .where("score_stale", "=", true)
    .where("is_open", "=", true)
    .orderBy("lead_id")
    .limit(most)
    .forNoKeyUpdate()
    .skipLocked()
    .execute();
  return rows.map((row) => row.lead_id);
}

/** Some open leads behind `after`, in the order of their ids, locked. */
export async function lockNext(
  db: Db,
  tenantId: string,
  after: string,
  most: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom("crm.leads")
    .select("lead_id")
    .where("tenant_id", "=", tenantId)
    .where("lead_id", ">", after)
    .where("is_open", "=", true)
    .orderBy("lead_id")
    .limit(most)
    .forNoKeyUpdate()
    .execute();
  return rows.map((row) => row.lead_id);
}

/** The tenants of which some score is stale; outside of all tenants. */
export async function tenantsWithLeadsToScore(db: Db): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from crm.tenants_with_leads_to_score() as id`.execute(db);
  return rows.map(({ id }) => id);
}

/** The tenants that have open leads; outside of all tenants. */
export async function tenantsWithOpenLeads(db: Db): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from crm.tenants_with_open_leads() as id`.execute(db);
  return rows.map(({ id }) => id);
}

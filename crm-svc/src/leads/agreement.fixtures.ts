import { expect } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";

/** The row's history, the rows of it, and the states that the pipeline reads tell the same. */
export async function expectAgreement(ownerUrl: string, id: string): Promise<void> {
  await withClient(ownerUrl, async (client) => {
    const { rows } = await client.query<{ agree: boolean; current: number; gaps: number }>(
      `select
         (select jsonb_agg(jsonb_build_object('number', number, 'from', from_status, 'to', to_status,
            'seconds', (lasted_ms / 1000.0)::float8, 'at', at) order by number)
          from crm.lead_transitions t where t.lead_id = l.lead_id)
         = (select jsonb_agg(jsonb_build_object('number', e -> 'number', 'from', e -> 'from',
              'to', e -> 'to', 'seconds', (e ->> 'lastedSeconds')::float8,
              'at', (e ->> 'at')::timestamptz) order by (e ->> 'number')::int)
            from jsonb_array_elements(l.history) e) as agree,
         (select count(*)::int from crm.lead_states s
          where s.lead_id = l.lead_id and valid_to is null and s.status = l.status) as current,
         (select count(*)::int from (
            select valid_to, lead(valid_from) over (order by number) as next
            from crm.lead_states s where s.lead_id = l.lead_id) spans
          where valid_to <> next) as gaps
       from crm.leads l where lead_id = $1`,
      [id],
    );
    expect(rows).toEqual([{ agree: true, current: 1, gaps: 0 }]);
  });
}

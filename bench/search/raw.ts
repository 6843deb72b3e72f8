import { kyselyOn } from "@crm/platform/kysely-on";
import pg from "pg";
import { searchInStages } from "../../crm-svc/src/contacts/search/stages.ts";
import { takeApart } from "../../crm-svc/src/contacts/search/typed.rules.ts";
import type { DB } from "../../crm-svc/src/tables.gen.ts";

/** The statements of a search without the service around them. */
export interface RawSearch extends AsyncDisposable {
  /** Milliseconds that a query's statements take, which the service would send. */
  measure(q: string): Promise<number>;
  /** Has PostgreSQL count to 100,000; milliseconds. */
  count(): Promise<number>;
}

interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** A session as the application's role, whom the policies bind, in one tenant. */
export async function openRawSearch(appUrl: string, tenantId: string): Promise<RawSearch> {
  const options = encodeURIComponent(`-c app.tenant_id=${tenantId}`);
  const client = new pg.Client({ connectionString: `${appUrl}&options=${options}` });
  await client.connect();
  const names = new Map<string, string>();

  const send = ({ sql, parameters }: Statement): Promise<pg.QueryResult> => {
    const name = names.get(sql) ?? `s${names.size}`;
    names.set(sql, name);
    return client.query({ name, text: sql, values: [...parameters] });
  };

  return {
    // Which statement is next depends on the answers, so the service's own code says it.
    async measure(q) {
      let took = 0;
      const db = kyselyOn<DB>(async (statement) => {
        const began = performance.now();
        const result = await send(statement);
        took += performance.now() - began;
        return result;
      });
      const request = { tenantId, typed: takeApart(q), filter: "{}", most: 26, after: undefined };
      await searchInStages(db, request);
      return took;
    },
    async count() {
      const began = performance.now();
      await client.query("select count(*) from generate_series(1, 100000)");
      return performance.now() - began;
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

import pg from "pg";

/** Its own timeout is pg's to keep; its types do not know of it. */
export interface TimedQuery extends pg.QueryConfig {
  readonly query_timeout: number;
}

/** Binds a transaction to a tenant, and its statements to a time. */
export function tenantSettings(tenantId: string, timeoutMs: number): pg.QueryConfig {
  return {
    name: "tenant",
    text: "select set_config('app.tenant_id', $1, true), set_config('statement_timeout', $2, true)",
    values: [tenantId, String(timeoutMs)],
  };
}

/** A row without columns: nothing that pg would have to read. */
const READ_SETTINGS = {
  name: "tenant_read",
  text: `select where set_config('app.tenant_id', $1, true) is not null
    and set_config('statement_timeout', $2, true) is not null
    and set_config('transaction_read_only', 'on', true) is not null`,
};

/** To be done once on each connection, before its first `tenantRead`. */
export async function prepareReads(client: pg.ClientBase): Promise<void> {
  await client.query({ ...READ_SETTINGS, values: ["", "0"] });
}

/**
 * A statement that sees one tenant's rows and cannot write, for `client.query`. The settings go ahead of
 * it and no Sync is between them, which makes one transaction of them without BEGIN and COMMIT
 * (PostgreSQL's manual, 54.2.4, Pipelining): half the work of four statements, here and there. It fails
 * closed: if a setting fails, PostgreSQL skips everything up to the Sync. There the settings end.
 */
export function tenantRead(
  statement: TimedQuery,
  settings: { readonly tenantId: string; readonly timeoutMs: number },
  reply: { resolve(result: pg.QueryResult): void; reject(error: Error): void },
): pg.Query {
  const query = new pg.Query(statement, (error: Error | undefined, results: unknown) => {
    if (error) reply.reject(error);
    // Where it is answered by several results, pg gives a list: here the settings' and the statement's.
    else reply.resolve((results as readonly [unknown, pg.QueryResult])[1]);
  });
  const { submit } = query;
  query.submit = (connection) => {
    const values = [settings.tenantId, String(settings.timeoutMs)];
    connection.bind({ statement: READ_SETTINGS.name, values }, true);
    connection.describe({ type: "P" }, true);
    connection.execute({}, true);
    return submit.call(query, connection);
  };
  // pg looks for it on what it is given to send, and that is the query itself.
  return Object.assign(query, { query_timeout: statement.query_timeout });
}

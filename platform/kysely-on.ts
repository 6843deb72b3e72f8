import {
  type CompiledQuery,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresQueryCompiler,
} from "kysely";
import type pg from "pg";

const adapter = new PostgresAdapter();
const compiler = new PostgresQueryCompiler();

/** A Kysely whose every statement is run by `execute`, and that can do nothing else. */
export function kyselyOn<Tables>(
  execute: (query: CompiledQuery) => Promise<pg.QueryResult>,
): Kysely<Tables> {
  const connection: DatabaseConnection = {
    async executeQuery(query) {
      const { rows, rowCount } = await execute(query);
      return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
    },
    streamQuery: refuse,
  };
  const executor = new DefaultQueryExecutor(compiler, adapter, {
    provideConnection: (consumer) => consumer(connection),
  });
  return new Kysely<Tables>({ config: { dialect }, dialect, driver: refusingDriver, executor });
}

function refuse(): never {
  throw new Error("not offered: transactions and connections are the Database's to give");
}

/** Kysely asks for a driver; with an executor of our own none of its methods is ever needed. */
const refusingDriver: Driver = {
  init: refuse,
  acquireConnection: refuse,
  beginTransaction: refuse,
  commitTransaction: refuse,
  rollbackTransaction: refuse,
  releaseConnection: refuse,
  destroy: refuse,
};

const dialect = {
  createAdapter: () => adapter,
  createDriver: () => refusingDriver,
  createIntrospector: refuse,
  createQueryCompiler: () => compiler,
};

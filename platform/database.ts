import {
  CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";
import pg from "pg";
import { deadlineExceeded, unavailable } from "./errors.ts";

/** For whom and until when statements run. */
export interface TenantBounds {
  readonly tenantId: string;
  /** Milliseconds since 1970; becomes the statements' timeout. */
  readonly deadline: number;
}

/**
 * A service's access to PostgreSQL. There is no way to run a statement without saying for which
 * tenant, and PostgreSQL's row-level security shows it that tenant's rows only.
 */
export interface Database<Tables> {
  /**
   * A Kysely on which each statement is a read-only transaction of its own, in one round trip.
   * (READ COMMITTED gives each statement a snapshot of its own anyway.)
   */
  reader(bounds: TenantBounds): Kysely<Tables>;
  /**
   * Runs statements in one transaction; commits when `run` resolves and rolls back when it throws.
   * May run it again, from the start, after a deadlock: `run` must have no other effects.
   */
  transaction<T>(bounds: TenantBounds, run: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** Of no tenant: sees what belongs to nobody, and may call the functions made for that. */
  readonly outsideTenants: (deadline: number) => Kysely<Tables>;
  /** Resolves when PostgreSQL answers; else throws. */
  ping(deadline: number): Promise<void>;
  /** Why this role must not serve (superuser, BYPASSRLS, owner of tables), or null. */
  tooPowerful(): Promise<string | null>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly maxConnections: number;
  /** Called with an error of an idle connection, which is then replaced. */
  readonly onConnectionError: (error: Error) => void;
}

const NO_TENANT = "";
/** Distinct texts that get a name. Beyond, statements are sent unnamed: slower, never wrong. */
const MAX_NAMED = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Beyond its statement timeout a connection is given this long, then it counts as lost. */
const QUERY_TIMEOUT_SLACK_MS = 2_000;
const MAX_STATEMENT_MS = 600_000;
const TRANSACTION_TRIES = 3;

/**
 * Opens a pool. A thin driver of our own, because of what Kysely's costs here: it sends statements
 * unnamed (11,000 a second, against 24,000 prepared) and waits for BEGIN. This one names them, and
 * sends BEGIN, the tenant, the statement and COMMIT at once.
 *
 * That fails closed: if the tenant cannot be set, the transaction is aborted, and PostgreSQL refuses
 * the statement behind it.
 */
export function openDatabase<Tables>(options: DatabaseOptions): Database<Tables> {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: MAX_STATEMENT_MS,
    keepAlive: true,
    pipeline: true,
  });
  pool.on("error", options.onConnectionError);
  // A connection that is lost while checked out reports here and nowhere else.
  pool.on("connect", (client) => client.on("error", options.onConnectionError));

  const adapter = new PostgresAdapter();
  const compiler = new PostgresQueryCompiler();
  const dialect = {
    createAdapter: () => adapter,
    createDriver: () => refusingDriver,
    createIntrospector: refuse,
    createQueryCompiler: () => compiler,
  };
  const names = new Map<string, string>();

  function named({ sql, parameters }: CompiledQuery): pg.QueryConfig {
    let name = names.get(sql);
    if (name === undefined && names.size < MAX_NAMED) {
      name = `s${names.size}`;
      names.set(sql, name);
    }
    const values = [...parameters];
    return name === undefined ? { text: sql, values } : { name, text: sql, values };
  }

  function kysely(provideConnection: ConnectionProvider["provideConnection"]): Kysely<Tables> {
    const executor = new DefaultQueryExecutor(compiler, adapter, { provideConnection });
    return new Kysely<Tables>({ config: { dialect }, dialect, driver: refusingDriver, executor });
  }

  /** Checks a connection out, and never hands one back that might still be in a transaction. */
  async function withClient<T>(run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect().catch((error: unknown) => {
      throw unavailable("The database", error);
    });
    let clean = false;
    try {
      const result = await run(client);
      clean = true;
      return result;
    } catch (error) {
      clean = client.getTransactionStatus() === "I";
      throw asClientFailure(error);
    } finally {
      client.release(!clean);
    }
  }

  function tenantSetting({ tenantId, deadline }: TenantBounds): pg.QueryConfig {
    const left = Math.min(deadline - Date.now(), MAX_STATEMENT_MS);
    if (left <= 0) throw deadlineExceeded();
    return {
      name: "tenant",
      text: "select set_config('app.tenant_id', $1, true), set_config('statement_timeout', $2, true)",
      values: [tenantId, String(Math.ceil(left))],
    };
  }

  const reader = (bounds: TenantBounds): Kysely<Tables> =>
    kysely((consumer) =>
      consumer(
        connection((query) =>
          withClient(async (client) => {
            const setting = tenantSetting(bounds);
            const [, , result] = await inOrder(
              inOneFlush(client, () => [
                client.query("BEGIN READ ONLY"),
                client.query(setting),
                client.query(timed(named(query), bounds)),
                client.query("COMMIT"),
              ]),
            );
            return result;
          }),
        ),
      ),
    );

  async function attempt<T>(
    bounds: TenantBounds,
    run: (db: Kysely<Tables>) => Promise<T>,
  ): Promise<T> {
    return withClient(async (client) => {
      const setting = tenantSetting(bounds);
      // Not awaited: the first statement follows at once, and is refused if these fail.
      const opened = inOrder(
        inOneFlush(client, () => [client.query("BEGIN"), client.query(setting)]),
      );
      // Thrown below, by a statement or before the commit; here only kept from counting as unhandled.
      opened.catch(() => {});
      const tenantConnection = connection(async (query) => {
        const [, result] = await inOrder([opened, client.query(timed(named(query), bounds))]);
        return result;
      });
      try {
        const result = await run(kysely((consumer) => consumer(tenantConnection)));
        await opened;
        const { command } = await client.query("COMMIT");
        // An aborted transaction answers COMMIT with ROLLBACK, and without an error.
        if (command !== "COMMIT") throw new Error(`the transaction ended with ${command}`);
        return result;
      } catch (error) {
        // If even this fails, the connection is not idle afterwards, and is thrown away.
        await client.query("ROLLBACK").catch(options.onConnectionError);
        throw error;
      }
    });
  }

  return {
    reader,
    outsideTenants: (deadline) => reader({ tenantId: NO_TENANT, deadline }),
    async transaction(bounds, run) {
      for (let tries = 1; ; tries++) {
        try {
          return await attempt(bounds, run);
        } catch (error) {
          if (!isConflict(error)) throw error;
          if (tries === TRANSACTION_TRIES)
            throw unavailable("A row that others are changing", error);
        }
      }
    },
    async ping(deadline) {
      await reader({ tenantId: NO_TENANT, deadline }).executeQuery(CompiledQuery.raw("select 1"));
    },
    async tooPowerful() {
      const { rows } = await pool.query<{ reason: string | null }>(POWER_QUERY);
      return rows[0]?.reason ?? null;
    },
    close: () => pool.end(),
  };
}

const POWER_QUERY = `
  select case
    when r.rolsuper then 'is a superuser'
    when r.rolbypassrls then 'has BYPASSRLS'
    when exists (
      select from pg_class c
      where c.relkind in ('r', 'p') and pg_has_role(r.oid, c.relowner, 'member')
        and c.relnamespace in ('identity'::regnamespace, 'crm'::regnamespace)
    ) then 'owns tables'
  end as reason
  from pg_roles r where r.rolname = current_user`;

/** Lets what `send` sends leave as one write; pg itself gathers no more than one statement's messages. */
function inOneFlush<const Sent>(client: pg.PoolClient, send: () => Sent): Sent {
  const { stream } = client.connection;
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
}

/**
 * Awaits statements that were sent together. All of them settle before the first error is thrown,
 * so that none is left behind on the connection.
 */
async function inOrder<const Sent extends readonly unknown[]>(
  sent: Sent,
): Promise<{ -readonly [Index in keyof Sent]: Awaited<Sent[Index]> }> {
  await Promise.allSettled(sent);
  return Promise.all(sent);
}

/** Its own timeout is pg's to keep; its types do not know of it. */
interface TimedQuery extends pg.QueryConfig {
  readonly query_timeout: number;
}

function timed(query: pg.QueryConfig, { deadline }: TenantBounds): TimedQuery {
  const left = Math.min(deadline - Date.now(), MAX_STATEMENT_MS);
  return { ...query, query_timeout: Math.max(left, 0) + QUERY_TIMEOUT_SLACK_MS };
}

function connection(
  execute: (query: CompiledQuery) => Promise<pg.QueryResult>,
): DatabaseConnection {
  return {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const { rows, rowCount } = await execute(query);
      return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
    },
    streamQuery: refuse,
  };
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

/** The SQLSTATE of an error of PostgreSQL's, or Node's code of a network error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** Name of the constraint that a statement ran against (SQLSTATE class 23), if that is what failed. */
export function violatedConstraint(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code?.startsWith("23")
    ? error.constraint
    : undefined;
}

/** Serialization failure, deadlock: another try may well succeed. */
function isConflict(error: unknown): boolean {
  return ["40001", "40P01"].includes(errorCode(error) ?? "");
}

/** 08 connection, 53 resources, 57P shutdown: it is the database that is away, not a bug. */
function asClientFailure(error: unknown): unknown {
  const code = errorCode(error);
  if (code === "57014") return deadlineExceeded(error);
  if (code === undefined)
    return isLostConnection(error) ? unavailable("The database", error) : error;
  return /^(08|53|57P|E[A-Z]+$)/.test(code) ? unavailable("The database", error) : error;
}

/** pg gives these errors no code. */
function isLostConnection(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout)/.test(
      error.message,
    )
  );
}

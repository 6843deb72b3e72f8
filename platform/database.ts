import { CompiledQuery, type Kysely } from "kysely";
import pg from "pg";
import { asClientFailure, isConflict, isDatabaseAway } from "./database-errors.ts";
import { deadlineExceeded, unavailable } from "./errors.ts";
import { kyselyOn } from "./kysely-on.ts";
import type { Metrics } from "./metrics.ts";
import {
  measuredReply,
  measurePool,
  type ObserveSeconds,
  statementObservers,
} from "./statement-metrics.ts";
import { prepareReads, type TimedQuery, tenantRead, tenantSettings } from "./tenant-read.ts";

/** For whom and until when statements run. */
export interface TenantBounds {
  readonly tenantId: string;
  /** Milliseconds since 1970; becomes the statements' timeout. */
  readonly deadline: number;
  /**
   * Has PostgreSQL plan each statement of a reader for its parameters, every time, where these say how
   * much is read. For a prepared statement it soon settles on one plan for all parameters, and guesses
   * that a span of time lets half a percent through: a report on everything would get one process.
   */
  readonly planEach?: boolean;
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
   * The same for statements that PostgreSQL answers at once and that are asked for all the time. Those
   * of one turn of the event loop, whatever their tenants, are written to one connection together: for
   * such a statement, a write of its own is the most of what it costs. A slow one holds up the others.
   */
  sharedReader(bounds: TenantBounds): Kysely<Tables>;
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
  /** Where statements and connections are measured. */
  readonly metrics?: Metrics;
}

const NO_TENANT = "";
/** Distinct texts that get a name. Beyond, statements are sent unnamed: slower, never wrong. */
const MAX_NAMED = 1_000;
/** More reads than this that share a connection would wait for each other. */
const MAX_SHARING = 16;
const CONNECT_TIMEOUT_MS = 5_000;
/** Beyond its statement timeout a connection is given this long, then it counts as lost. */
const QUERY_TIMEOUT_SLACK_MS = 2_000;
const MAX_STATEMENT_MS = 600_000;
const TRANSACTION_TRIES = 3;

/**
 * Opens a pool. A thin driver of our own, because of what Kysely's costs here: it sends statements
 * unnamed (11,000 a second, against 24,000 prepared) and waits for BEGIN. This one names them, and
 * sends the tenant along with the first statement.
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
    onConnect: prepareReads,
  });
  pool.on("error", options.onConnectionError);
  // A connection that is lost while checked out reports here and nowhere else.
  pool.on("connect", (client) => client.on("error", options.onConnectionError));

  if (options.metrics) measurePool(pool, options.maxConnections, options.metrics);

  const observerOf = statementObservers(options.metrics);
  const observeCommit = observerOf("commit");
  const unnamed: KnownStatement = { name: undefined, observe: observerOf("") };
  const known = new Map<string, KnownStatement>();

  function named(
    { sql, parameters }: CompiledQuery,
    { planEach = false }: TenantBounds,
  ): NamedStatement {
    let statement = known.get(sql);
    if (statement === undefined && known.size < MAX_NAMED) {
      statement = { name: `s${known.size}`, observe: observerOf(sql) };
      known.set(sql, statement);
    }
    const { name, observe } = statement ?? unnamed;
    const values = [...parameters];
    const prepared = name !== undefined && !planEach;
    return { query: { ...(prepared && { name }), text: sql, values }, observe };
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
      clean = client.getTransactionStatus() === "I" && !isDatabaseAway(error);
      throw asClientFailure(error);
    } finally {
      client.release(!clean);
    }
  }

  /** Sends reads at once, on one connection. Each settles by itself. */
  async function readTogether(reads: readonly Read[]): Promise<void> {
    try {
      await withClient(async (client) => {
        inOneFlush(client, () => {
          for (const { bounds, query, reply } of reads) {
            const timeoutMs = timeLeft(bounds);
            if (timeoutMs === 0) {
              reply.reject(deadlineExceeded());
              continue;
            }
            const statement = named(query, bounds);
            const settings = { ...bounds, timeoutMs };
            client.query(
              tenantRead(timed(statement.query, bounds), settings, measuredReply(statement, reply)),
            );
          }
        });
        const outcomes = await Promise.allSettled(reads.map(({ reply }) => reply.promise));
        for (const outcome of outcomes) {
          if (outcome.status === "rejected" && isDatabaseAway(outcome.reason)) throw outcome.reason;
        }
      });
    } catch (error) {
      for (const { reply } of reads) reply.reject(error);
    }
  }

  function readerThat(sends: (read: Read) => void): Database<Tables>["reader"] {
    return (bounds) =>
      kyselyOn((query) => {
        const reply = Promise.withResolvers<pg.QueryResult>();
        sends({ bounds, query, reply });
        return reply.promise.catch((error: unknown) => {
          throw asClientFailure(error);
        });
      });
  }

  const reader = readerThat((read) => void readTogether([read]));

  let sharing: Read[] = [];
  const sharedReader = readerThat((read) => {
    if (sharing.push(read) > 1) return;
    setImmediate(() => {
      const reads = sharing;
      sharing = [];
      for (let from = 0; from < reads.length; from += MAX_SHARING) {
        void readTogether(reads.slice(from, from + MAX_SHARING));
      }
    });
  });

  async function attempt<T>(
    bounds: TenantBounds,
    run: (db: Kysely<Tables>) => Promise<T>,
  ): Promise<T> {
    return withClient(async (client) => {
      const timeoutMs = timeLeft(bounds);
      if (timeoutMs === 0) throw deadlineExceeded();
      const setting = tenantSettings(bounds.tenantId, timeoutMs);
      // Not awaited: the first statement follows at once, and is refused if these fail.
      const opened = inOrder(
        inOneFlush(client, () => [client.query("BEGIN"), client.query(setting)]),
      );
      // Thrown below, by a statement or before the commit; here only kept from counting as unhandled.
      opened.catch(() => {});
      const db = kyselyOn<Tables>(async (query) => {
        const statement = named(query, bounds);
        const started = performance.now();
        try {
          const sent = client.query(timed(statement.query, bounds));
          const [, result] = await inOrder([opened, sent]);
          return result;
        } finally {
          statement.observe((performance.now() - started) / 1_000);
        }
      });
      try {
        const result = await run(db);
        await opened;
        const committing = performance.now();
        const { command } = await client.query("COMMIT");
        observeCommit((performance.now() - committing) / 1_000);
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
    sharedReader,
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

/** The name under which PostgreSQL has it prepared, and what counts how long it took. */
interface KnownStatement {
  readonly name: string | undefined;
  readonly observe: ObserveSeconds;
}

interface NamedStatement extends Pick<KnownStatement, "observe"> {
  readonly query: pg.QueryConfig;
}

/** A statement as it was asked for, and who waits for its result. */
interface Read {
  readonly bounds: TenantBounds;
  readonly query: CompiledQuery;
  readonly reply: PromiseWithResolvers<pg.QueryResult>;
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

function timed(query: pg.QueryConfig, bounds: TenantBounds): TimedQuery {
  return { ...query, query_timeout: timeLeft(bounds) + QUERY_TIMEOUT_SLACK_MS };
}

/** Milliseconds that a statement may take; 0 if the deadline has passed. */
function timeLeft({ deadline }: TenantBounds): number {
  return Math.ceil(Math.min(Math.max(deadline - Date.now(), 0), MAX_STATEMENT_MS));
}

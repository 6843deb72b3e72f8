import pg from "pg";

/** How often a worker looks for others that have died. */
const SWEEP_MS = 3_000;

/** Says that a worker lives, for as long as its connection does. */
export interface JobLease {
  /** Resolves when the worker counts as alive under this id, which it must before it takes a job. */
  hold(workerId: string): Promise<void>;
  /** Whether this one, of all leases, is to say what need be said once; as long as it lasts, it stays so. */
  speaksForAll(): Promise<boolean>;
  /** Rejects when the connection is lost: others may take what this worker was running. */
  readonly lost: Promise<never>;
  release(): Promise<void>;
}

/**
 * graphile-worker lets a job that was running when its process died rest for four hours, since it
 * cannot know that it is dead. This makes it known: a worker holds an advisory lock under its id on a
 * connection of its own, which PostgreSQL releases when the process dies. Whoever finds a lock free
 * under whose id jobs are running, at the start and every few seconds, puts them back into the queue.
 *
 * A machine that is cut off is noticed by PostgreSQL's own keep-alive, within 25 s.
 */
export async function openJobLease(
  url: string,
  onError: (error: unknown) => void,
): Promise<JobLease> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    query_timeout: 10_000,
  });
  const { promise: lost, reject } = Promise.withResolvers<never>();
  // Whoever runs under the lease awaits it; here only kept from counting as unhandled.
  lost.catch(() => {});
  client.on("error", reject);
  client.on("end", () => reject(new Error("the worker's lease has ended")));
  await client.connect();
  await client.query(
    `select set_config('tcp_keepalives_idle', '10', false),
            set_config('tcp_keepalives_interval', '5', false),
            set_config('tcp_keepalives_count', '3', false)`,
  );

  let speaks = false;
  let held: string | null = null;
  const swept = sweep();
  let holding: Promise<unknown> = swept;
  const timer = setInterval(() => void sweep().catch(onError), SWEEP_MS);

  async function sweep(): Promise<void> {
    // The session's own lock would be had once more, so its own id is left out.
    await client.query(
      `with holders as materialized (
         select locked_by from graphile_worker._private_jobs
         where locked_by is not null and locked_by is distinct from $1
         group by locked_by
       )
       select graphile_worker.force_unlock_workers(array_agg(locked_by))
       from holders where pg_try_advisory_xact_lock(hashtextextended(locked_by, 0))`,
      [held],
    );
    // Who has the lock would be given it again, each time once more.
    if (speaks) return;
    const { rows } = await client.query<{ first: boolean }>(
      "select pg_try_advisory_lock(hashtextextended('speaks for all', 0)) as first",
    );
    speaks = rows[0]?.first === true;
  }

  return {
    lost,
    hold(workerId) {
      if (held !== workerId) {
        held = workerId;
        holding = client.query("select pg_advisory_lock(hashtextextended($1, 0))", [workerId]);
      }
      return holding.then(() => {});
    },
    async speaksForAll() {
      await swept;
      return speaks;
    },
    async release() {
      clearInterval(timer);
      await client.end();
    },
  };
}

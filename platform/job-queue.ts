import { sql } from "kysely";
import type { Database } from "./database.ts";
import type { JobLease } from "./job-lease.ts";
import type { Metrics } from "./metrics.ts";

/** Between two looks at the queue, as Prometheus is wont to ask. */
const INTERVAL_MS = 15_000;
/** A queue that takes longer to count is not counted, which says enough. */
const TIMEOUT_MS = 2_000;
const OTHER = "other";

export interface JobQueueWatch {
  stop(): void;
}

/**
 * Counts the jobs of the queue, every 15 seconds: not with each scrape, and in one of all processes, the
 * one whose lease `speaksForAll`.
 *
 * @param names of jobs are told; what else there is in the queue is told together.
 */
export function watchJobQueue<Tables>(options: {
  readonly lease: Pick<JobLease, "speaksForAll">;
  readonly database: Database<Tables>;
  readonly names: readonly string[];
  readonly metrics: Metrics;
  readonly onError: (error: unknown) => void;
}): JobQueueWatch {
  const { metrics, names } = options;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function forget(): void {
    metrics.queuedJobs.reset();
    metrics.queueLag.reset();
  }

  async function look(): Promise<void> {
    if (!(await options.lease.speaksForAll())) return;
    const counted = await countJobs(options.database, names);
    if (stopped) return;
    forget();
    for (const { task, waiting, later, running, failed, lag } of counted) {
      metrics.queuedJobs.set({ task, state: "waiting" }, waiting);
      metrics.queuedJobs.set({ task, state: "later" }, later);
      metrics.queuedJobs.set({ task, state: "running" }, running);
      metrics.queuedJobs.set({ task, state: "failed" }, failed);
      metrics.queueLag.set({ task }, lag);
    }
  }

  async function keepLooking(): Promise<void> {
    // Old figures would look like those of now.
    await look().catch((error: unknown) => {
      forget();
      if (!stopped) options.onError(error);
    });
    if (!stopped) timer = setTimeout(() => void keepLooking(), INTERVAL_MS).unref();
  }

  void keepLooking();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      forget();
    },
  };
}

interface Counted {
  readonly task: string;
  readonly waiting: number;
  readonly later: number;
  readonly running: number;
  readonly failed: number;
  /** Seconds. */
  readonly lag: number;
}

async function countJobs<Tables>(
  database: Database<Tables>,
  names: readonly string[],
): Promise<readonly Counted[]> {
  const { rows } = await sql<Counted>`
    with jobs as (
      select case when identifier = any (${[...names]}::text[]) then identifier else ${OTHER} end as task,
        locked_at is not null as running,
        attempts >= max_attempts as spent,
        now() - run_at as age
      from graphile_worker._private_jobs as jobs
        join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
    )
    select name as task,
      count(*) filter (where not running and not spent and age >= interval '0')::integer as waiting,
      count(*) filter (where not running and not spent and age < interval '0')::integer as later,
      count(*) filter (where running)::integer as running,
      count(*) filter (where not running and spent)::integer as failed,
      coalesce(max(extract(epoch from age)) filter (where not running and not spent and age > interval '0'), 0)::float as lag
    from unnest(${[...names, OTHER]}::text[]) as name left join jobs on jobs.task = name
    group by name`.execute(database.outsideTenants(Date.now() + TIMEOUT_MS));
  return rows;
}

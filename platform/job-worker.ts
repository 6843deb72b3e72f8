import { EventEmitter } from "node:events";
import {
  type CronItem,
  Logger as GraphileLogger,
  type JobHelpers,
  parseCronItems,
  run,
  type TaskList,
} from "graphile-worker";
import type { Logger } from "pino";
import { z } from "zod";
import type { Database } from "./database.ts";
import { type JobLease, openJobLease } from "./job-lease.ts";
import { JobPool } from "./job-pool.ts";
import { watchJobQueue } from "./job-queue.ts";
import { addScheduledJob, type RunnableJob } from "./jobs.ts";
import type { Metrics } from "./metrics.ts";
import { requestContext, requestOrigin } from "./request.ts";

/** Runs jobs, until it is stopped. */
export interface JobWorker {
  /**
   * Takes no more jobs, aborts the `signal` of those that run, waits for them, and hands back those that
   * have not finished.
   */
  stop(): Promise<void>;
}

export interface JobWorkerOptions<Services, Tables> {
  readonly url: string;
  readonly services: Services;
  readonly database: Database<Tables>;
  readonly jobs: readonly RunnableJob<Services>[];
  /** Jobs that run at the same time in this process; each uses the service's own connections. */
  readonly atOnce: number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A listener, a statement of a worker's, one of the schedule's. The lease has one more. */
const MAX_CONNECTIONS = 3;
/** After the database was away. */
const RESTART_MS = 1_000;
const SCHEDULE_TIMEOUT_MS = 60_000;

const payload = z.object({
  tenantId: z.uuid(),
  requestId: z.string(),
  input: z.unknown(),
});

/**
 * Takes jobs out of the queue and runs them. Where the database is lost, it begins anew when that is
 * back. A job that fails is tried again after e, e², … seconds, 25 times in all; then it stays in the
 * queue as failed, with its error, and the log tells of it (`job_failed_for_good`).
 */
export function startJobWorker<Services, Tables>(
  options: JobWorkerOptions<Services, Tables>,
): JobWorker {
  const { log } = options;
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();
  stopping.signal.addEventListener("abort", () => stopped.resolve());

  async function serve(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await serveOnce(options, stopping.signal, stopped.promise);
      } catch (error) {
        log.warn({ event: "job_worker_restarts", err: error });
      }
      await Promise.race([Bun.sleep(RESTART_MS), stopped.promise]);
    }
  }
  const served = serve();
  return {
    async stop() {
      stopping.abort(new Error("the service stops"));
      await served;
    },
  };
}

/** One life of a worker: until it is stopped, or its lease or its connections are lost. */
async function serveOnce<Services, Tables>(
  options: JobWorkerOptions<Services, Tables>,
  stopping: AbortSignal,
  stopped: Promise<void>,
): Promise<void> {
  const { url, log, jobs, database, metrics } = options;
  const lost = new AbortController();
  const onError = (err: unknown): void => log.warn({ event: "job_connection_lost", err });
  const lease = await openJobLease(url, onError);
  const watch = watchJobQueue({
    lease,
    database,
    metrics,
    names: jobs.flatMap(({ name, schedule }) => (schedule ? [name, scheduleOf(name)] : [name])),
    onError: (err) => log.warn({ event: "job_queue_not_counted", err }),
  });
  const pool = new JobPool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  pool.on("error", onError);
  pool.on("connect", (client) => client.on("error", onError));
  try {
    const runner = await run({
      pgPool: pool,
      concurrency: options.atOnce,
      noHandleSignals: true,
      taskList: tasksOf(options, AbortSignal.any([stopping, lost.signal])),
      parsedCronItems: parseCronItems(cronItemsOf(options.jobs)),
      logger: quietLogger(log),
      events: new EventEmitter(),
      preset: {
        plugins: [leasePlugin(lease)],
        // With a delay of 0 a failure to write what became of a job ends the worker; without any it
        // would be an unhandled rejection, and end the process.
        worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 },
      },
    });
    const ended = runner.promise.then(() => {
      if (!stopping.aborted) throw new Error("the worker has ended by itself");
    });
    try {
      await Promise.race([ended, lease.lost, stopped]);
    } finally {
      lost.abort(new Error("the worker has lost its lease"));
      // Rejects if the runner is ending already.
      await runner.stop().catch(() => {});
      await ended.catch(onError);
    }
  } finally {
    watch.stop();
    await lease.release().catch(onError);
    await pool.end();
  }
}

/** Makes a worker known as alive before it takes its first job. */
function leasePlugin(lease: JobLease): GraphileConfig.Plugin {
  return {
    name: "lease",
    version: "1",
    worker: {
      hooks: { startWorker: (_context, { worker }) => lease.hold(worker.workerPool.id) },
    },
  };
}

/** graphile-worker's own account, in which a failed job is an error. What matters is logged here. */
function quietLogger(log: Logger): GraphileLogger {
  return new GraphileLogger(() => (level, message) => {
    if (level === "error" || level === "warning")
      log.debug({ event: "job_worker", level }, message);
  });
}

function tasksOf<Services, Tables>(
  { jobs, services, database, metrics, log }: JobWorkerOptions<Services, Tables>,
  signal: AbortSignal,
): TaskList {
  const task =
    ({ name, run }: RunnableJob<Services>) =>
    async (raw: unknown, helpers: JobHelpers): Promise<void> => {
      const { tenantId, requestId, input } = payload.parse(raw);
      const { id, attempts, max_attempts: maxAttempts } = helpers.job;
      const facts = { job: name, jobId: id, tenantId, requestId, attempt: attempts };
      const headers = new Headers({ "x-request-id": requestId });
      const context = requestContext(requestOrigin(headers, "", 0), {
        services,
        log,
        // Of a job only its statements have a time limit, which is the database's.
        deadline: Number.POSITIVE_INFINITY,
        signal,
      });
      const started = performance.now();
      const ended = (outcome: string): number => {
        const ms = performance.now() - started;
        metrics.jobRuns.observe({ task: name, outcome }, ms / 1_000);
        return Math.round(ms);
      };
      try {
        // It may have been fetched just before.
        signal.throwIfAborted();
        await run(context, tenantId, input, id);
        const ms = ended("done");
        log.debug({ event: "job_done", ...facts, ms });
      } catch (error) {
        if (signal.aborted) {
          await handBack(helpers);
          const ms = ended("handed_back");
          log.info({ event: "job_handed_back", ...facts, ms });
        } else if (attempts >= maxAttempts) {
          const ms = ended("failed_for_good");
          log.error({ event: "job_failed_for_good", ...facts, ms, err: error });
        } else {
          const ms = ended("failed");
          log.warn({ event: "job_failed", ...facts, ms, err: error });
        }
        throw error;
      }
    };

  const schedule =
    ({ name, schedule }: RunnableJob<Services>) =>
    async (_raw: unknown, helpers: JobHelpers): Promise<void> => {
      const deadline = Date.now() + SCHEDULE_TIMEOUT_MS;
      for (const tenantId of (await schedule?.due(services)) ?? []) {
        await database.transaction({ tenantId, deadline }, (db) =>
          addScheduledJob(db, name, `schedule-${helpers.job.id}`),
        );
      }
    };

  return Object.fromEntries(
    jobs.flatMap((job) => [
      [job.name, task(job)],
      ...(job.schedule === undefined ? [] : [[scheduleOf(job.name), schedule(job)] as const]),
    ]),
  );
}

/**
 * Puts a job back as if it had not been tried. What graphile-worker then does about its failure is
 * nothing, since the job is no longer this worker's; unless another of the worker's slots, which was
 * looking for a job just then, has taken it meanwhile. Then the job has failed under that one, which finds
 * it free when it hands it back in turn.
 */
async function handBack({ job, query }: JobHelpers): Promise<void> {
  await query(
    `update graphile_worker._private_jobs
     set attempts = greatest(attempts - 1, 0), run_at = least(run_at, now()),
         locked_at = null, locked_by = null
     where id = $1 and (locked_by = $2 or locked_by is null)`,
    [job.id, job.locked_by],
  );
}

/** What adds a scheduled job is itself a job, of no tenant. */
function scheduleOf(name: string): string {
  return `${name}@schedule`;
}

/**
 * graphile-worker keeps in a table when each schedule came last, and so adds each only once, however
 * many processes ask.
 */
function cronItemsOf(jobs: readonly RunnableJob<never>[]): CronItem[] {
  return jobs.flatMap(({ name, schedule }) =>
    schedule === undefined
      ? []
      : {
          task: scheduleOf(name),
          match: cronPattern(schedule.everyMinutes),
          identifier: name,
          options: { maxAttempts: 1 },
        },
  );
}

function cronPattern(everyMinutes: number): string {
  if (everyMinutes < 60) return `*/${everyMinutes} * * * *`;
  return everyMinutes === 60 ? "0 * * * *" : "0 3 * * *";
}

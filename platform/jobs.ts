import { type Kysely, sql } from "kysely";
import type { z } from "zod";
import { type Change, type ChangeServices, changeTenant } from "./change.ts";
import type { RequestContext } from "./context.ts";

/**
 * Something that a service does by itself for one tenant, later. It runs at least once: again after a
 * failure, and when the process that ran it has died, even while a process that was only cut off still
 * runs it. So what it changes must come to the same however often it runs, and side by side.
 */
export interface Job<Services, Input> {
  /** `contacts.import`: in logs, and in the queue. */
  readonly name: string;
  readonly input: z.ZodType<unknown, Input>;
  readonly schedule: Schedule<Services> | undefined;
  /** `jobId` is what the queue calls this job. */
  run(
    context: RequestContext<Services>,
    tenantId: string,
    input: unknown,
    jobId: string,
  ): Promise<void>;
}

/** A job as the worker knows it, whatever its input is. */
export type RunnableJob<Services> = Pick<Job<Services, never>, "name" | "schedule" | "run">;

/** When a job is added without being asked for, once for all the service's instances. */
export interface Schedule<Services> {
  readonly everyMinutes: 1 | 2 | 5 | 10 | 15 | 30 | 60 | 1_440;
  /**
   * The tenants for which there is something to do; the job is added for each, with the input `{}`,
   * unless it is running. Asked outside of all tenants, where policies show no row: the way is a
   * SECURITY DEFINER function of the owner's that returns ids and nothing else, by an index on what is
   * due, so that a thousand idle tenants cost nothing.
   */
  due(services: Services): Promise<readonly string[]>;
}

export interface JobChange<Output> extends Change<Output> {
  readonly actorId?: string | null;
}

/** What the body of a job is given. */
export interface JobScope<Services, Tables> {
  /** `context.signal` is aborted when the service stops: then end soon, or throw; the job runs again. */
  readonly context: RequestContext<Services>;
  readonly tenantId: string;
  /** The tenant's rows, to look at; each statement by itself, and none can write. */
  readonly db: Kysely<Tables>;
  /**
   * Changes the tenant's rows in one transaction with the audit entries: as nobody, or for the user
   * (`actorId`) who has asked for it. May run again after a deadlock: no other effects. It bears the id of
   * the request that has added the job, unless it is known that another one asked for it.
   */
  change<Output>(
    run: (db: Kysely<Tables>) => Promise<JobChange<Output>>,
    requestId?: string,
  ): Promise<Output>;
  /**
   * Whether another one was added under this one's key since it began. That one does all that is left to be
   * done, so this one need not go on.
   */
  replaced(): Promise<boolean>;
}

/** The way to define a job of a service whose audit log is in `schema`. */
export function jobs<Tables, Services extends ChangeServices<Tables>>(schema: string) {
  return function job<Input extends z.ZodType>(definition: {
    readonly name: string;
    readonly input: Input;
    readonly schedule?: Schedule<Services>;
    readonly run: (scope: JobScope<Services, Tables>, input: z.output<Input>) => Promise<void>;
  }): Job<Services, z.input<Input>> {
    const { name, input, schedule } = definition;
    return {
      name,
      // What zod gives in for the type that it was given.
      input: input as z.ZodType<unknown, z.input<Input>>,
      schedule,
      run(context, tenantId, raw, jobId) {
        const { deadline, services } = context;
        const db = services.database.reader({ tenantId, deadline });
        const scope: JobScope<Services, Tables> = {
          context,
          tenantId,
          db,
          change: (change, requestId = context.requestId) =>
            changeTenant<Tables, Awaited<ReturnType<typeof change>>["output"]>(
              schema,
              { ...context, requestId },
              tenantId,
              async (tx) => ({ actorId: null, ...(await change(tx)) }),
            ),
          async replaced() {
            const { rows } = await sql`
              select from graphile_worker._private_jobs where id = ${jobId}::bigint`.execute(db);
            return rows.length === 0;
          },
        };
        return definition.run(scope, input.parse(raw));
      },
    };
  };
}

export interface JobOptions {
  /**
   * Of the tenant's jobs of this name, at most one waits with this key: adding it again replaces the
   * one that waits, input and time. One that is running already is not waited for, since it may not
   * see the change that this one is for; it is no longer in the queue then, so it is not tried again, and it
   * is told by `replaced`.
   */
  readonly key?: string;
  /** Not before this; at once without it. */
  readonly runAt?: Date;
}

/**
 * Adds a job as part of a tenant's transaction: it is there if and only if the change is committed. The
 * tenant is the transaction's own. What the job changes bears this request's id.
 */
export async function addJob<Tables, Input>(
  scope: {
    readonly db: Kysely<Tables>;
    readonly context: Pick<RequestContext<unknown>, "requestId">;
  },
  job: Pick<Job<never, Input>, "name" | "input">,
  input: Input,
  { key, runAt }: JobOptions = {},
): Promise<void> {
  job.input.parse(input);
  // graphile-worker would keep the one that runs as one that has failed for good, were it to die.
  await sql`
    delete from graphile_worker._private_jobs
    where key = ${keyOf(job.name, key ?? null)} and locked_at is not null`.execute(scope.db);
  const payload = { requestId: scope.context.requestId, input };
  await sql`
    select from graphile_worker.add_job(
      ${job.name},
      (${JSON.stringify(payload)}::jsonb || jsonb_build_object('tenantId', ${currentTenant}))::json,
      run_at => ${runAt?.toISOString() ?? null}::timestamptz,
      job_key => ${keyOf(job.name, key ?? null)})`.execute(scope.db);
}

/** The key under which a schedule adds its job. */
const SCHEDULED = "scheduled";

/** Adds a job that is due, unless it runs at this moment: then it is due again the next time. */
export async function addScheduledJob<Tables>(
  db: Kysely<Tables>,
  name: string,
  requestId: string,
): Promise<void> {
  await sql`
    select from graphile_worker.add_job(
      ${name},
      json_build_object('requestId', ${requestId}::text, 'input', '{}'::json,
                        'tenantId', ${currentTenant}),
      job_key => ${keyOf(name, SCHEDULED)})
    where not exists (
      select from graphile_worker._private_jobs
      where key = ${keyOf(name, SCHEDULED)} and locked_at is not null)`.execute(db);
}

/** Fails outside of a tenant's transaction, where the setting is empty or not there at all. */
const currentTenant = sql`current_setting('app.tenant_id')::uuid`;

function keyOf(name: string, key: string | null) {
  return sql`${currentTenant} || '/' || ${name}::text || '/' || ${key}::text`;
}

import { afterAll, afterEach, expect, test } from "bun:test";
import { withClient } from "../tools/local/database.ts";
import { testDatabase } from "../tools/testing/database.ts";
import { eventually } from "../tools/testing/eventually.ts";
import { openJobLease } from "./job-lease.ts";
import { type JobQueueWatch, watchJobQueue } from "./job-queue.ts";
import { note, openTestDatabase } from "./jobs.fixtures.ts";
import { addJob, type JobOptions } from "./jobs.ts";
import { type Metrics, openMetrics } from "./metrics.ts";

const WAIT_MS = 20_000;
const files = await testDatabase();
const database = openTestDatabase(files.appUrl);
const watches: JobQueueWatch[] = [];

afterEach(() => {
  for (const watch of watches.splice(0)) watch.stop();
});
afterAll(async () => {
  await database.close();
  await files.drop();
});

function watch(speaksForAll: () => Promise<boolean>): Metrics {
  const metrics = openMetrics();
  const onError = (error: unknown): never => {
    throw error;
  };
  const names = [note.name];
  watches.push(watchJobQueue({ lease: { speaksForAll }, database, names, metrics, onError }));
  return metrics;
}

async function told({ queuedJobs, queueLag }: Metrics): Promise<Record<string, number>> {
  const jobs = (await queuedJobs.get()).values.filter(({ value }) => value > 0);
  const lags = (await queueLag.get()).values.filter(({ value }) => value > 0);
  return Object.fromEntries([
    ...jobs.map(({ labels, value }) => [`${labels.task} ${labels.state}`, value]),
    ...lags.map(({ labels, value }) => [`${labels.task} lag`, value]),
  ]);
}

async function add(job: typeof note, options: JobOptions = {}): Promise<void> {
  const tenantId = Bun.randomUUIDv7();
  const bounds = { tenantId, deadline: Date.now() + WAIT_MS };
  const input = { id: Bun.randomUUIDv7(), text: "x" };
  await database.transaction(bounds, (db) =>
    addJob({ db, context: { requestId: "asked" } }, job, input, options),
  );
}

async function ofOwner(statement: string): Promise<void> {
  await withClient(files.ownerUrl, (owner) => owner.query(statement));
}

test("all tenants' jobs are told by what they wait for, and those of no known name together", async () => {
  const past = new Date(Date.now() - 60_000);
  await add(note, { runAt: past });
  await add(note);
  await add(note, { runAt: new Date(Date.now() + 3_600_000) });
  await add({ ...note, name: "of another version" });
  await add(note, { key: "spent" });
  await add(note, { key: "runs" });
  await ofOwner(
    "update graphile_worker._private_jobs set attempts = max_attempts where key like '%spent'",
  );
  await ofOwner(
    "update graphile_worker._private_jobs set locked_at = now(), locked_by = 'x' where key like '%runs'",
  );
  const metrics = watch(async () => true);
  await eventually(async () => Object.keys(await told(metrics)).length > 0, WAIT_MS);
  const { "test.note lag": lag, "other lag": otherLag, ...jobs } = await told(metrics);
  expect(jobs).toEqual({
    "test.note waiting": 2,
    "test.note later": 1,
    "test.note running": 1,
    "test.note failed": 1,
    "other waiting": 1,
  });
  expect(lag).toBeWithin(60, 60 + WAIT_MS / 1_000);
  expect(otherLag).toBeLessThan(WAIT_MS / 1_000);
});

test("a process that does not speak for all asks nothing, and who has stopped tells nothing", async () => {
  await add(note);
  const silent = watch(async () => false);
  const metrics = watch(async () => true);
  await eventually(async () => Object.keys(await told(metrics)).length > 0, WAIT_MS);
  expect(await told(silent)).toEqual({});
  for (const each of watches.splice(0)) each.stop();
  expect((await metrics.queuedJobs.get()).values).toEqual([]);
});

test("of all leases one speaks for all, until it ends", async () => {
  const first = await openJobLease(files.appUrl, () => {});
  expect(await first.speaksForAll()).toBe(true);
  const second = await openJobLease(files.appUrl, () => {});
  expect(await second.speaksForAll()).toBe(false);
  expect(await first.speaksForAll()).toBe(true);
  await first.release();
  await eventually(() => second.speaksForAll(), WAIT_MS);
  await second.release();
});

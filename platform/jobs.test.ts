import { afterAll, afterEach, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import type { Subprocess } from "bun";
import { withClient } from "../tools/local/database.ts";
import { endWithUs } from "../tools/local/process.ts";
import { testDatabase } from "../tools/testing/database.ts";
import { eventually } from "../tools/testing/eventually.ts";
import { type JobWorker, startJobWorker } from "./job-worker.ts";
import * as fixtures from "./jobs.fixtures.ts";
import { actions, fail, hang, note, relay, scheduled, testServices } from "./jobs.fixtures.ts";
import { addJob, addScheduledJob, type JobOptions } from "./jobs.ts";
import { openLog } from "./log.ts";
import { openMetrics } from "./metrics.ts";

const files = await testDatabase();
const database = fixtures.openTestDatabase(files.appUrl);
const children: Subprocess[] = [];
const workers: JobWorker[] = [];
const log: string[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  for (const worker of workers.splice(0)) await worker.stop();
  await ofOwner("truncate graphile_worker._private_jobs");
});
afterAll(async () => {
  await database.close();
  await files.drop();
});

const CHILD = fileURLToPath(new URL("jobs.child.ts", import.meta.url));
const WAIT_MS = 20_000;

function childWorker(): Subprocess {
  const child = Bun.spawn([process.execPath, CHILD, files.appUrl], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  endWithUs(child, "SIGTERM");
  children.push(child);
  return child;
}

function worker(): JobWorker {
  const metrics = openMetrics();
  const started = startJobWorker({
    url: files.appUrl,
    database,
    services: testServices(database, metrics),
    metrics,
    jobs: [note, hang, relay, fail, scheduled],
    atOnce: 2,
    log: openLog("jobs", "debug", { write: (line) => void log.push(line) }),
  });
  workers.push(started);
  return started;
}

async function ofOwner(statement: string, values: string[] = []): Promise<unknown[]> {
  const { rows } = await withClient(files.ownerUrl, (owner) => owner.query(statement, values));
  return rows;
}

async function newTenant(): Promise<string> {
  const tenantId = Bun.randomUUIDv7();
  await ofOwner("insert into identity.tenants (tenant_id, slug, name) values ($1, $2, 'x')", [
    tenantId,
    `t-${tenantId}`,
  ]);
  return tenantId;
}

const context = { requestId: "the-request-that-asked" };

function add(
  tenantId: string,
  job: typeof note,
  input: { id: string; text: string },
  options?: JobOptions,
): Promise<void> {
  return database.transaction({ tenantId, deadline: Date.now() + 10_000 }, (db) =>
    addJob({ db, context }, job, input, options),
  );
}

async function left(tenantId: string, id: string, text: string): Promise<void> {
  await eventually(async () => (await actions(database, tenantId, id)).includes(text), WAIT_MS);
}

async function nothingQueued(): Promise<void> {
  await eventually(
    async () => (await ofOwner("select from graphile_worker._private_jobs")).length === 0,
    WAIT_MS,
  );
}

test("a job runs for its tenant, once, as nobody, and bears the id of the request that asked", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  worker();
  await add(tenantId, note, { id, text: "done" });
  await left(tenantId, id, "done");
  await nothingQueued();
  const rows = await ofOwner(
    "select tenant_id, actor_id, request_id, action from crm.audit_log where entity_id = $1",
    [id],
  );
  expect(rows).toEqual([
    { tenant_id: tenantId, actor_id: null, request_id: context.requestId, action: "done" },
  ]);
});

test("a job is there if and only if the change is committed", async () => {
  const tenantId = await newTenant();
  const refused = database.transaction({ tenantId, deadline: Date.now() + 10_000 }, async (db) => {
    await addJob({ db, context }, note, { id: Bun.randomUUIDv7(), text: "never" });
    throw new Error("rolled back");
  });
  await expect(refused).rejects.toThrow("rolled back");
  expect(await ofOwner("select from graphile_worker._private_jobs")).toEqual([]);
});

test("no job can be added outside of a tenant, nor with input that it does not take", async () => {
  const tenantId = await newTenant();
  const input = { id: Bun.randomUUIDv7(), text: "x" };
  const outside = database.transaction({ tenantId: "", deadline: Date.now() + 10_000 }, (db) =>
    addJob({ db, context }, note, input),
  );
  await expect(outside).rejects.toThrow();
  await expect(add(tenantId, note, { ...input, id: "no id" })).rejects.toThrow();
  expect(await ofOwner("select from graphile_worker._private_jobs")).toEqual([]);
});

test("of jobs with one key the last waits alone, and each tenant has its own", async () => {
  const [ours, theirs] = [await newTenant(), await newTenant()];
  const id = Bun.randomUUIDv7();
  for (const text of ["first", "second"]) await add(ours, note, { id, text }, { key: "k" });
  await add(theirs, note, { id, text: "theirs" }, { key: "k" });
  worker();
  await nothingQueued();
  expect(await actions(database, ours, id)).toEqual(["second"]);
  expect(await actions(database, theirs, id)).toEqual(["theirs"]);
});

test("a job that is replaced while it runs is told so", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  worker();
  await add(tenantId, relay, { id, text: "first" }, { key: "k" });
  await left(tenantId, id, "first");
  await add(tenantId, relay, { id, text: "other" }, { key: "another" });
  await left(tenantId, id, "other");
  expect(await actions(database, tenantId, id)).toEqual(["first", "other"]);
  await add(tenantId, relay, { id, text: "second" }, { key: "k" });
  await left(tenantId, id, "first was replaced");
  await left(tenantId, id, "second");
  await nothingQueued();
});

test("a job that is replaced while it runs is no longer in the queue, if it dies", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  const child = childWorker();
  await add(tenantId, hang, { id, text: "first" }, { key: "k" });
  await left(tenantId, id, "started");
  await add(tenantId, hang, { id, text: "second" }, { key: "k" });
  await left(tenantId, id, "second");
  await nothingQueued();
  child.kill("SIGKILL");
  await child.exited;
  worker();
  const later = Bun.randomUUIDv7();
  await add(tenantId, note, { id: later, text: "later" });
  await left(tenantId, later, "later");
  await nothingQueued();
  expect(await actions(database, tenantId, id)).toEqual(["started", "second"]);
}, 30_000);

test("a job waits for its time", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  worker();
  const runAt = new Date(Date.now() + 1_500);
  await add(tenantId, note, { id, text: "later" }, { runAt });
  await left(tenantId, id, "later");
  expect(Date.now()).toBeGreaterThanOrEqual(runAt.getTime());
});

test("in a tenant's transaction, other tenants' jobs can neither be seen nor touched", async () => {
  const [ours, theirs] = [await newTenant(), await newTenant()];
  await add(theirs, note, { id: Bun.randomUUIDv7(), text: "theirs" }, { key: "k" });
  const { rows } = await withClient(files.appUrl, async (app) => {
    await app.query("begin");
    await app.query("select set_config('app.tenant_id', $1, true)", [ours]);
    const removed = await app.query("delete from graphile_worker._private_jobs returning id");
    await app.query("commit");
    return removed;
  });
  expect(rows).toEqual([]);
  expect(await ofOwner("select from graphile_worker._private_jobs")).toHaveLength(1);
});

test("kill -9 in the middle of a job: another process runs it again", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  const child = childWorker();
  await add(tenantId, hang, { id, text: "finished" });
  await left(tenantId, id, "started");
  worker();
  child.kill("SIGKILL");
  await child.exited;
  await left(tenantId, id, "finished");
  await nothingQueued();
  expect(await actions(database, tenantId, id)).toEqual(["started", "finished"]);
}, 30_000);

test("kill -9 and a restart: it goes on by itself", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  const child = childWorker();
  await add(tenantId, hang, { id, text: "finished" });
  await left(tenantId, id, "started");
  child.kill("SIGKILL");
  await child.exited;
  childWorker();
  await left(tenantId, id, "finished");
}, 30_000);

test("a worker that lives keeps its job, however long it takes", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  childWorker();
  await add(tenantId, hang, { id, text: "finished" });
  await left(tenantId, id, "started");
  worker();
  // Time for the other to have looked more than once.
  const other = Bun.randomUUIDv7();
  await add(tenantId, note, { id: other, text: "later" }, { runAt: new Date(Date.now() + 7_000) });
  await left(tenantId, other, "later");
  expect(await actions(database, tenantId, id)).toEqual(["started"]);
}, 30_000);

test("a worker that is stopped hands its job back at once, and it does not count as tried", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  const child = childWorker();
  await add(tenantId, hang, { id, text: "finished" });
  await left(tenantId, id, "started");
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  expect(await ofOwner("select attempts, locked_by from graphile_worker._private_jobs")).toEqual([
    { attempts: 0, locked_by: null },
  ]);
  worker();
  await left(tenantId, id, "finished");
}, 30_000);

test("connections that are cut: the job runs again, in the same process", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  worker();
  await add(tenantId, hang, { id, text: "finished" });
  await left(tenantId, id, "started");
  await withClient(files.adminUrl, (admin) =>
    admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'crm_app' and datname = $1",
      [new URL(files.appUrl).pathname.slice(1)],
    ),
  );
  await left(tenantId, id, "finished");
}, 30_000);

test("a job that fails is tried again, later, and in the end told of and kept", async () => {
  const tenantId = await newTenant();
  const id = Bun.randomUUIDv7();
  worker();
  await add(tenantId, fail, { id, text: "x" });
  const failures = (event: string) =>
    log.filter((line) => line.includes(`"event":"${event}"`) && line.includes(tenantId));
  await eventually(async () => failures("job_failed").length === 1, WAIT_MS);
  await eventually(
    async () =>
      (
        await ofOwner(
          "update graphile_worker._private_jobs set attempts = max_attempts - 1, run_at = now() where locked_at is null returning id",
        )
      ).length === 1,
    WAIT_MS,
  );
  await eventually(async () => failures("job_failed_for_good").length === 1, WAIT_MS);
  await eventually(async () => {
    const rows = await ofOwner(
      "select from graphile_worker._private_jobs where last_error like '%on purpose' and not is_available and locked_at is null",
    );
    return rows.length === 1;
  }, WAIT_MS);
});

test("a schedule adds its job for each tenant for which it is due, and not while it runs", async () => {
  const [first, second] = [await newTenant(), await newTenant()];
  fixtures.dueTenants.push(first, second);
  await ofOwner("select graphile_worker.add_job('test.scheduled@schedule')");
  worker();
  for (const tenantId of [first, second]) {
    await eventually(async () => (await actions(database, tenantId)).length === 1, WAIT_MS);
  }
  await nothingQueued();
  const addAgain = () =>
    database.transaction({ tenantId: first, deadline: Date.now() + 10_000 }, (db) =>
      addScheduledJob(db, "test.elsewhere", "r"),
    );
  await addAgain();
  await ofOwner("update graphile_worker._private_jobs set locked_at = now(), locked_by = 'x'");
  await addAgain();
  expect(await ofOwner("select from graphile_worker._private_jobs")).toHaveLength(1);
});

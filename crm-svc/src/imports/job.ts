import { Failure } from "@crm/platform/errors";
import { addJob, type JobScope } from "@crm/platform/jobs";
import { z } from "zod";
import { type ContactSettings, findContactSettings } from "../contact-fields/queries.ts";
import { collectWhenLarge } from "../memory.ts";
import { type CrmServices, job } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { auditEntry } from "./audit.ts";
import { advance, findBatch, keepStatistics, takeBatch } from "./batch-queries.ts";
import type { Unfinished } from "./queries.ts";
import * as queries from "./queries.ts";
import { stagedRecords } from "./schema.ts";
import { mappingOf, type Understood, understand } from "./understand.ts";
import { undoSome } from "./undo.ts";
import * as uploads from "./upload-queries.ts";
import { isRefusedData, type Work, workThrough, workThroughSingly } from "./work.ts";

type Scope = JobScope<CrmServices, DB>;

/** Then it is another tenant's turn. */
const SLICE_MS = 3_000;
const PREVIEW_ROWS = 20;
/**
 * Of a tenant, one job at a time works through its imports, in their order: one that is replaced ends. Until it
 * looks whether it is, after its slice at the latest, there are two, which take the batches from each other.
 */
const KEY = { key: "next" };

/**
 * Goes on with the tenant's oldest unfinished import, for a while, then adds itself again. A batch and
 * the position behind it are one transaction, so wherever it is interrupted, it goes on there.
 */
export const importJob = job({
  name: "contacts.import",
  input: z.strictObject({}),
  async run(scope) {
    const until = performance.now() + SLICE_MS;
    while (!(await scope.replaced())) {
      if (performance.now() >= until) {
        return scope.change(async (db) => {
          await goOn({ db, context: scope.context });
          return { output: undefined, audit: [] };
        });
      }
      const next = await queries.findUnfinished(scope.db, scope.tenantId);
      if (next === null) return;
      try {
        if (next.status === "undoing") await undoSome(scope, next, until);
        else await workUntil(scope, next, until);
      } catch (error) {
        if (scope.context.signal.aborted || error instanceof Failure) throw error;
        await giveUp(scope, next, error);
      }
    }
  },
});

/** Has the tenant's imports worked through, as part of a transaction. */
export function goOn(scope: Pick<Scope, "db" | "context">): Promise<void> {
  return addJob(scope, importJob, {}, KEY);
}

/** Forgets uploads whose process has died; those whose client has gone are forgotten at once. */
export const abandonedUploadsJob = job({
  name: "contacts.forgetAbandonedUploads",
  input: z.strictObject({}),
  schedule: {
    everyMinutes: 5,
    due: ({ database }: CrmServices) =>
      uploads.tenantsWithAbandonedUploads(database.outsideTenants(Date.now() + 60_000)),
  },
  run: ({ tenantId, change }) =>
    change(async (db) => {
      await uploads.deleteAbandonedUploads(db, tenantId);
      return { output: undefined, audit: [] };
    }),
});

interface Ready {
  readonly batch: number;
  readonly understood: Understood;
}

/**
 * Batch by batch. The next one is not understood while PostgreSQL writes this one: so an import keeps one
 * processor busy, and leaves the others to requests.
 */
async function workUntil(scope: Scope, next: Unfinished, until: number): Promise<void> {
  const { context, tenantId, db } = scope;
  const settings = await findContactSettings(db, tenantId);
  let left = PREVIEW_ROWS - next.previewed;
  for (let after = -1; performance.now() < until; ) {
    const started = performance.now();
    const ready = await understandNext(scope, next, settings, after);
    if (ready === null) return finish(scope, next);
    const work = { ...next, tenantId, settings, previewRows: left };
    const shown = await workOn(scope, work, ready, started);
    collectWhenLarge();
    if (shown === null) return;
    left -= shown;
    // What is done is still in the index until a vacuum: to begin behind it costs nothing.
    after = ready.batch;
    context.signal.throwIfAborted();
  }
}

async function understandNext(
  { db, context }: Scope,
  next: Unfinished,
  settings: ContactSettings,
  after: number,
): Promise<Ready | null> {
  const found = await findBatch(db, next, after);
  if (found === undefined) return null;
  context.signal.throwIfAborted();
  const records = stagedRecords.parse(JSON.parse(found.records));
  const understood = await understand(records, mappingOf(next.mapping), settings, next.ownerId);
  return { batch: found.batch, understood };
}

/** Works one batch through. Null if the import is not to be gone on with; else the rows shown. */
async function workOn(
  scope: Scope,
  work: Work & Unfinished,
  { batch, understood }: Ready,
  started: number,
): Promise<number | null> {
  const step = (through: typeof workThrough) =>
    scope.change(async (db) => {
      const status = await queries.lockStatus(db, work);
      const running = status === "running" || status === "queued";
      if (!running || !(await takeBatch(db, work, batch))) return { output: null, audit: [] };
      if (status === "queued") await queries.setStatus(db, work, "running");
      await keepStatistics(db);
      const { audit, ...done } = await through(db, work, understood);
      const workingMs = Math.round(performance.now() - started);
      await advance(db, work, { ...done, workingMs });
      return { output: done.preview.length, audit, actorId: work.actorId };
    }, work.requestId);
  try {
    return await step(workThrough);
  } catch (error) {
    if (!isRefusedData(error)) throw error;
    return step(workThroughSingly);
  }
}

async function finish({ change }: Scope, next: Unfinished): Promise<void> {
  await change(async (db) => {
    const status = await queries.lockStatus(db, next);
    if (status !== "running" && status !== "queued") return { output: undefined, audit: [] };
    await queries.deleteRest(db, next);
    const done = await queries.setStatus(db, next, "done");
    const audit = next.dryRun ? [] : [auditEntry("finished", done)];
    return { output: undefined, audit, actorId: next.actorId };
  }, next.requestId);
}

/** A fault of ours ends this import; the tenant's others go on. */
async function giveUp({ context, change }: Scope, next: Unfinished, error: unknown): Promise<void> {
  const { tenantId, importId, requestId } = next;
  context.log.error({ event: "import_failed", tenantId, importId, requestId, err: error });
  await change(async (db) => {
    await queries.deleteRest(db, next);
    const failed = await queries.setStatus(db, next, "failed");
    return { output: undefined, audit: auditEntry("failed", failed) };
  }, requestId);
}

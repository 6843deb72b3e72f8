import { setTimeout } from "node:timers/promises";
import type { Actor } from "@crm/platform/context";
import { Failure, notFound } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { z } from "zod";
import { read, stream, upload, write } from "../services.ts";
import { auditEntry } from "./audit.ts";
import { errorHeader, errorLines } from "./error-file.ts";
import { goOn } from "./job.ts";
import * as queries from "./queries.ts";
import { discardRows, givenUp, receiveRows } from "./receive.ts";
import { hasEnded, mayCancel, mayUndo } from "./rules.ts";
import {
  type ContactImport,
  contactImport,
  contactImportPage,
  getImportInput,
  importInput,
  listImportsInput,
} from "./schema.ts";
import { beginUndo } from "./undo-queries.ts";
import * as uploads from "./upload-queries.ts";

/** Takes a file of contacts in. It is worked through afterwards, by a job. */
export const importContacts = upload({
  name: "contacts.import",
  access: "contacts:import",
  input: importInput,
  output: contactImport,
  maxBytes: ({ imports }) => imports.maxBytes,
  receive: receiveRows,
  async run({ context, db }, _input, { rows, ...key }) {
    const queued = await uploads.queueImport(db, key, rows);
    if (queued === null) throw givenUp();
    await goOn({ db, context });
    return { output: queued, audit: auditEntry("created", queued) };
  },
  discard: discardRows,
});

/** How often a watched import is looked at. */
const LOOK_MS = 500;
/** An import that gets no further is told again, before anybody in between takes its watch for dead. */
const REPEAT_MS = 15_000;

/**
 * An import whenever it has got further, and about every 15 seconds, from now until it has ended. Throws
 * `notFound`.
 */
export const watchImport = stream({
  name: "contacts.watchImport",
  access: "contacts:import",
  input: getImportInput,
  item: contactImport,
  async *run({ context, db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, startedBy: ownerOnly };
    for (let shown = "", shownAt = 0; ; ) {
      const found = await queries.findImport(db, reach, id);
      if (found === null) throw notFound("import");
      const seen = JSON.stringify(found);
      if (seen !== shown || performance.now() - shownAt > REPEAT_MS) {
        shown = seen;
        shownAt = performance.now();
        yield found;
      }
      if (hasEnded(found.status) || context.signal.aborted) return;
      await setTimeout(LOOK_MS);
    }
  },
});

const ERRORS_AT_ONCE = 1_000;

/** The rows that an import has left out, and why, in the order of the file, as CSV. Throws `notFound`. */
export const getImportErrors = stream({
  name: "contacts.getImportErrors",
  access: "contacts:import",
  input: getImportInput,
  item: z.string(),
  async *run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, startedBy: ownerOnly };
    if ((await queries.findImport(db, reach, id)) === null) throw notFound("import");
    yield errorHeader;
    const key = { tenantId: actor.tenantId, importId: id };
    for (let after = { line: 0, place: 0 }; ; ) {
      const errors = await queries.listErrors(db, key, after, ERRORS_AT_ONCE);
      const last = errors.at(-1);
      if (last === undefined) return;
      yield errorLines(errors);
      after = last;
    }
  },
});

/** One import. Throws `notFound`. */
export const getImport = read({
  name: "contacts.getImport",
  access: "contacts:import",
  input: getImportInput,
  output: contactImport,
  async run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, startedBy: ownerOnly };
    const found = await queries.findImport(db, reach, id);
    if (found === null) throw notFound("import");
    return found;
  },
});

/** All imports, newest first. */
export const listImports = read({
  name: "contacts.listImports",
  access: "contacts:import",
  input: listImportsInput,
  output: contactImportPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor }) {
    const { cursors } = context.services;
    const reach = { tenantId: actor.tenantId, startedBy: ownerOnly };
    const list = ["contacts.imports", reach];
    const after = cursors.open(list, cursor, z.tuple([z.uuid()]))?.[0];
    const rows = await queries.listImports(db, reach, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.id]));
  },
});

/**
 * Stops an import between two batches. What it has done stays, and can be undone. Throws `notFound`,
 * and `wrongState` if it has ended.
 */
export const cancelImport = write({
  name: "contacts.cancelImport",
  access: "contacts:import",
  input: getImportInput,
  output: contactImport,
  async run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, startedBy: ownerOnly };
    const before = await queries.lockImport(db, reach, id);
    if (before === null) throw notFound("import");
    if (before.status === "cancelled") return { output: before, audit: [] };
    if (!mayCancel(before.status)) {
      const message = `The import is ${before.status}: there is nothing to be cancelled.`;
      throw new Failure("wrongState", "import_not_running", message);
    }
    const key = { tenantId: actor.tenantId, importId: id };
    await queries.deleteRest(db, key);
    const cancelled = await queries.setStatus(db, key, "cancelled");
    return { output: cancelled, audit: auditEntry("cancelled", cancelled) };
  },
});

/**
 * Begins to take back what an import did. Throws `notFound`; `forbidden` if it is somebody else's and the caller
 * may not delete everybody's contacts; and `wrongState` if it has not ended, was a dry run, or is undone
 * already.
 */
export const undoImport = write({
  name: "contacts.undoImport",
  access: "contacts:import",
  input: getImportInput,
  output: contactImport,
  async run({ context, db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, startedBy: ownerOnly };
    const before = await queries.lockImport(db, reach, id);
    if (before === null) throw notFound("import");
    refuseForeignUndo(actor, before);
    if (before.status === "undoing") return { output: before, audit: [] };
    if (!mayUndo(before)) {
      const what = before.dryRun ? "was a dry run and changed nothing" : `is ${before.status}`;
      const message = `The import ${what}: there is nothing to be undone.`;
      throw new Failure("wrongState", "import_not_undoable", message);
    }
    const key = { tenantId: actor.tenantId, importId: id };
    const undoneBy = actor.kind === "user" ? actor.userId : null;
    const { requestId } = context;
    const undoing = await beginUndo(db, key, { undoneBy, requestId });
    await goOn({ db, context });
    return { output: undoing, audit: auditEntry("undoing", undoing) };
  },
});

/** One's own mistake one may take back; what others have made is deleted by who may delete it otherwise. */
function refuseForeignUndo(actor: Actor, { createdBy }: ContactImport): void {
  const permission = "contacts:delete";
  if (createdBy === actor.userId || actor.permissions.get(permission) === "all") return;
  const message = `The role ${actor.role} may not do ${permission} to all contacts, so it may only undo imports of its own.`;
  throw new Failure("forbidden", "forbidden", message, { facts: { permission } });
}

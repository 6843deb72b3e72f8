import { setImmediate } from "node:timers/promises";
import { Failure } from "@crm/platform/errors";
import type { StreamScope } from "@crm/platform/streams";
import { findContactSettings } from "../contact-fields/queries.ts";
import { reachWith } from "../contacts/refusals.ts";
import { type Mapping, mapHeaders } from "../csv/headers.ts";
import { readRecords } from "../csv/read.ts";
import { type CsvRecord, unreadable } from "../csv/schema.ts";
import { collectWhenLarge, MOST_OF_UPLOAD } from "../memory.ts";
import type { CrmServices } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import type { ImportKey } from "./queries.ts";
import type { ImportInput, StagedRecord, StoredMapping } from "./schema.ts";
import * as uploads from "./upload-queries.ts";

/** What is staged, and later worked through, at once: of more rows, requests beside would have to wait. */
export const BATCH_ROWS = 100;
const BATCHES_AT_ONCE = 50;
/** Rows that are long make smaller batches. In UTF-16 units of JSON, where none is escaped. */
const BATCH_LENGTH = 1 << 20;
/** What a cell takes besides its text: quotes and a comma. Rows may have many that are empty. */
const CELL_LENGTH = 3;

type Scope = StreamScope<CrmServices, DB>;

/** A file whose rows are staged. */
export interface Received extends ImportKey {
  readonly rows: number;
}

/**
 * Stages the rows of a file as they arrive, a batch a transaction. What does not come to its end leaves
 * nothing: neither a client that hangs up, nor a file that cannot be read.
 *
 * Throws `forbidden` before anything of it is read if the caller may do nothing of what the mode does, and
 * `invalid` if the file is not CSV with headers that are fields of contacts.
 */
export async function receiveRows(
  scope: Scope,
  input: ImportInput,
  content: AsyncIterable<Uint8Array>,
): Promise<Received> {
  const { context, actor, ownerOnly, db, change } = scope;
  const { tenantId, userId, kind } = actor;
  const creatable = reachWith("contacts:create", actor, ownerOnly);
  const ownedBy =
    input.mode === "update" ? reachWith("contacts:update", actor, creatable) : creatable;
  const key = { tenantId, importId: Bun.randomUUIDv7() };
  const records = readRecords(content);
  try {
    const headers = await records.next();
    if (headers.done) throw unreadable("empty_file", "The file has no line of headers.");
    const settings = await findContactSettings(db, tenantId);
    const mapping = mapHeaders(headers.value.cells, settings.fields, input.mapping);
    const started = {
      ...key,
      input,
      mapping: storedOf(mapping),
      createdBy: userId,
      requestId: context.requestId,
      // An API key is no user, so nothing can belong to it.
      ownerId: kind === "user" ? userId : null,
      ownedBy,
    };
    let rows = 0;
    let batches = 0;
    for await (const staged of inStages(records)) {
      await change(async (tx) => {
        if (batches === 0) await uploads.insertImport(tx, started);
        if (!(await uploads.insertBatches(tx, key, batches, staged.batches))) throw givenUp();
        return { output: undefined, audit: [] };
      });
      rows += staged.rows;
      batches += staged.batches.length;
      collectWhenLarge(MOST_OF_UPLOAD);
    }
    if (rows === 0) throw unreadable("no_rows", "The file has headers, and no row below them.", 1);
    return { ...key, rows };
  } catch (error) {
    // What cannot be removed now is by the job for it.
    await discardRows(scope, key).catch((err: unknown) => {
      context.log.warn({ event: "upload_left_behind", ...key, err });
    });
    throw error;
  } finally {
    await records.return();
  }
}

/** Removes an upload that is to come to nothing. */
export function discardRows({ change }: Scope, key: ImportKey): Promise<void> {
  return change(async (tx) => {
    await uploads.deleteUpload(tx, key);
    return { output: undefined, audit: [] };
  });
}

/** Said of an upload that was so slow that it was taken for dead. */
export function givenUp(): Failure {
  const message = "Nothing came of the file for 15 minutes, so it was given up: upload it again.";
  return new Failure("deadline", "upload_given_up", message);
}

/** The rows as they are staged. Meanwhile others get their turn, at least once a batch. */
export function inStages(records: AsyncIterable<CsvRecord>): AsyncGenerator<Staged, void> {
  return together(batched(records));
}

async function* batched(records: AsyncIterable<CsvRecord>): AsyncGenerator<StagedRecord[], void> {
  let batch: StagedRecord[] = [];
  let length = 0;
  for await (const { line, cells } of records) {
    batch.push([line, [...cells]]);
    length += cells.reduce((sum, cell) => sum + cell.length + CELL_LENGTH, 0);
    if (batch.length < BATCH_ROWS && length < BATCH_LENGTH) continue;
    yield batch;
    batch = [];
    length = 0;
  }
  if (batch.length > 0) yield batch;
}

interface Staged {
  /** JSON. */
  readonly batches: readonly string[];
  readonly rows: number;
}

/** Some batches at a time, to be staged together: so many make a transaction worth its while. */
async function* together(batches: AsyncIterable<StagedRecord[]>): AsyncGenerator<Staged, void> {
  let ready: string[] = [];
  let rows = 0;
  let length = 0;
  for await (const batch of batches) {
    await setImmediate();
    const json = JSON.stringify(batch);
    ready.push(json);
    rows += batch.length;
    length += json.length;
    if (length < BATCH_LENGTH && ready.length < BATCHES_AT_ONCE) continue;
    yield { batches: ready, rows };
    ready = [];
    rows = 0;
    length = 0;
  }
  if (rows > 0) yield { batches: ready, rows };
}

function storedOf({ headers, columns, ignored }: Mapping): StoredMapping {
  return {
    // What no column of ours is called may hold what PostgreSQL cannot keep.
    headers: headers.map(keepable),
    columns: [...columns].map(([target, places]) => [target, [...places]]),
    ignored: ignored.map(keepable),
  };
}

function keepable(header: string): string {
  return header.replaceAll("\0", "\uFFFD").toWellFormed();
}

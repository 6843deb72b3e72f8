import { type Kysely, sql } from "kysely";
import { type ContactRow, contactColumns, contactOf, rowOf } from "../contacts/rows.ts";
import type { Contact, ContactValues } from "../contacts/schema.ts";
import type { RowFault } from "../csv/schema.ts";
import type { DB } from "../tables.gen.ts";
import type { Match } from "./plan.ts";
import type { ImportKey } from "./queries.ts";
import type { PreviewRow } from "./schema.ts";
import type { Row } from "./understand.ts";

// Each statement takes its rows as one parameter, JSON: its text, and so its plan, are the same for
// every batch.

type Db = Kysely<DB>;

/** The first batch that is left, or the first after `after`. */
export async function findBatch(
  db: Db,
  { tenantId, importId }: ImportKey,
  after: number,
): Promise<{ readonly batch: number; readonly records: string } | undefined> {
  return db
    .selectFrom("crm.import_batches")
    .select(["batch", "records"])
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .where("batch", ">", after)
    .orderBy("batch")
    .limit(1)
    .executeTakeFirst();
}

/** Takes a batch off what is to be done; false if it is done already. */
export async function takeBatch(
  db: Db,
  { tenantId, importId }: ImportKey,
  batch: number,
): Promise<boolean> {
  const taken = await db
    .deleteFrom("crm.import_batches")
    .where("tenant_id", "=", tenantId)
    .where("import_id", "=", importId)
    .where("batch", "=", batch)
    .executeTakeFirst();
  return taken.numDeletedRows === 1n;
}

/** Tells the planner when there are many more contacts than it knows of. */
export async function keepStatistics(db: Db): Promise<void> {
  await sql`select crm.keep_contact_statistics()`.execute(db);
}

/** For each row, in their order, whom it stands for and by what it is recognised. */
export async function matchRows(db: Db, rows: readonly Row[]): Promise<Match[]> {
  const given = rows.map(({ id, values }, place) => ({
    place,
    id,
    email: values.email,
    phone: values.phone,
    first_name: values.firstName,
    last_name: values.lastName,
    company: values.company,
  }));
  const { rows: found } = await sql<{
    place: number;
    phone_key: string | null;
    name_key: string;
    contact_id: string | null;
    merged: boolean;
  }>`select * from crm.match_import_rows(${JSON.stringify(given)}::jsonb)`.execute(db);
  return found
    .toSorted((one, other) => one.place - other.place)
    .map((row) => ({
      phoneKey: row.phone_key,
      nameKey: row.name_key,
      contactId: row.contact_id,
      merged: row.merged,
    }));
}

/** The contacts that are there of these, by id, locked in one order whoever locks them. */
export async function lockContacts(
  db: Db,
  tenantId: string,
  ids: readonly string[],
): Promise<Map<string, Contact>> {
  const rows = await db
    .selectFrom("crm.contacts")
    .select(contactColumns)
    .where("tenant_id", "=", tenantId)
    .where("contact_id", "=", sql<string>`any(${[...ids]}::uuid[])`)
    .where("deleted_at", "is", null)
    .orderBy("contact_id")
    .forUpdate()
    .execute();
  return new Map(rows.map((row: ContactRow) => [row.contact_id, contactOf(row)]));
}

/** Those of the ids that are the tenant's users. */
export async function findUsers(
  db: Db,
  tenantId: string,
  ids: readonly string[],
): Promise<Set<string>> {
  const rows = await db
    .selectFrom("identity.users")
    .select("user_id")
    .where("tenant_id", "=", tenantId)
    .where("user_id", "=", sql<string>`any(${[...ids]}::uuid[])`)
    .execute();
  return new Set(rows.map((row) => row.user_id));
}

/** What of a contact's row an import writes. */
const written = contactColumns.filter(
  (column) => !["contact_id", "version", "created_at", "updated_at"].includes(column),
);

function rowsJson(contacts: readonly { readonly id: string; readonly values: ContactValues }[]) {
  return JSON.stringify(
    contacts.map(({ id, values }) => ({
      contact_id: id,
      ...rowOf(values),
      custom: values.custom,
    })),
  );
}

export async function insertContacts(
  db: Db,
  tenantId: string,
  contacts: readonly { readonly id: string; readonly values: ContactValues }[],
): Promise<void> {
  if (contacts.length === 0) return;
  const columns = sql.join(written.map((column) => sql.ref(column)));
  await sql`
    insert into crm.contacts (tenant_id, contact_id, ${columns})
    select ${tenantId}::uuid, contact_id, ${columns}
    from jsonb_populate_recordset(null::crm.contacts, ${rowsJson(contacts)}::jsonb)`.execute(db);
}

export async function updateContacts(
  db: Db,
  tenantId: string,
  contacts: readonly { readonly id: string; readonly values: ContactValues }[],
): Promise<void> {
  if (contacts.length === 0) return;
  const assignments = written.map((column) => sql`${sql.ref(column)} = given.${sql.ref(column)}`);
  await sql`
    update crm.contacts as contacts
    set ${sql.join(assignments)}, version = contacts.version + 1,
        updated_at = greatest(clock_timestamp(), contacts.updated_at)
    from jsonb_populate_recordset(null::crm.contacts, ${rowsJson(contacts)}::jsonb) as given
    where contacts.tenant_id = ${tenantId}::uuid
      and contacts.contact_id = given.contact_id`.execute(db);
}

export interface Result {
  readonly contactId: string;
  readonly line: number;
  /** Former values; null for a contact that was made. */
  readonly before: Partial<ContactValues> | null;
  readonly version: number;
}

/**
 * Keeps what was done to contacts. Of one that changes again, what it was at first stays known; and if somebody
 * has changed it in between, the version that was left then, so that an undoing keeps it.
 */
export async function insertResults(
  db: Db,
  { tenantId, importId }: ImportKey,
  results: readonly Result[],
): Promise<void> {
  if (results.length === 0) return;
  await sql`
    insert into crm.import_results as results
      (tenant_id, import_id, contact_id, line, before, version)
    select ${tenantId}::uuid, ${importId}::uuid, "contactId", line, before, version
    from jsonb_to_recordset(${JSON.stringify(results)}::jsonb) as given
      ("contactId" uuid, line integer, before jsonb, version integer)
    on conflict (tenant_id, import_id, contact_id) do update
    set version = case when excluded.version = results.version + 1 then excluded.version
                       else results.version end,
        before = excluded.before || results.before`.execute(db);
}

export async function insertErrors(
  db: Db,
  { tenantId, importId }: ImportKey,
  faults: readonly RowFault[],
): Promise<void> {
  if (faults.length === 0) return;
  const given = faults.map(({ value, ...fault }) => ({ ...fault, value: shown(value) }));
  await sql`
    insert into crm.import_errors (tenant_id, import_id, line, place, field, value, reason)
    select ${tenantId}::uuid, ${importId}::uuid, line,
           row_number() over (partition by line order by ordinality), "column", value, reason
    from rows from (jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
      as (line integer, "column" text, value text, reason text)) with ordinality
      as given (line, "column", value, reason, ordinality)`.execute(db);
}

/** What the error file shows of a value, which may be long, and hold what PostgreSQL cannot keep. */
const MAX_SHOWN = 500;

function shown(value: string | null): string | null {
  if (value === null) return null;
  const cut = value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value;
  return cut.replaceAll("\0", "\uFFFD").toWellFormed();
}

/** Those of the keys by which a dry run would find what it would have made before. */
export async function findKeys(
  db: Db,
  { tenantId, importId }: ImportKey,
  keys: readonly string[],
): Promise<Set<string>> {
  const byHash = new Map(keys.map((key) => [hashOf(key), key]));
  const { rows } = await sql<{ key_hash: string }>`
    select key_hash::text from crm.import_keys
    where tenant_id = ${tenantId}::uuid and import_id = ${importId}::uuid
      and key_hash = any(${[...byHash.keys()]}::bigint[])`.execute(db);
  return new Set(rows.map((row) => byHash.get(row.key_hash) ?? ""));
}

export async function insertKeys(
  db: Db,
  { tenantId, importId }: ImportKey,
  keys: readonly string[],
): Promise<void> {
  await sql`
    insert into crm.import_keys (tenant_id, import_id, key_hash)
    select ${tenantId}::uuid, ${importId}::uuid, key_hash
    from unnest(${keys.map(hashOf)}::bigint[]) as key_hash
    on conflict do nothing`.execute(db);
}

/** 64 bits: that two of three million keys have the same happens to one dry run in four million. */
function hashOf(key: string): string {
  return BigInt.asIntN(64, BigInt(Bun.hash.wyhash(key))).toString();
}

export interface Step {
  readonly read: number;
  readonly created: number;
  readonly updated: number;
  readonly skipped: number;
  readonly failed: number;
  readonly workingMs: number;
  readonly preview: readonly PreviewRow[];
}

/** Adds a batch to what an import has come to. */
export async function advance(
  db: Db,
  { tenantId, importId }: ImportKey,
  { read, created, updated, skipped, failed, workingMs, preview }: Step,
): Promise<void> {
  await sql`
    update crm.imports
    set rows_read = rows_read + ${read}, created = created + ${created},
        updated = updated + ${updated}, skipped = skipped + ${skipped},
        failed = failed + ${failed}, working_ms = working_ms + ${workingMs},
        preview = preview || ${JSON.stringify(preview)}::jsonb, touched_at = now()
    where tenant_id = ${tenantId} and import_id = ${importId}`.execute(db);
}

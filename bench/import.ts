import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { stringify } from "csv-stringify/sync";
import { from as copyFrom } from "pg-copy-streams";
import { contactImport } from "../crm-svc/src/imports/schema.ts";
import { withClient } from "../tools/local/database.ts";
import type { Benchmark, Figures, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";
import { type Person, people } from "./people.ts";
import type { Server } from "./server.ts";
import { makeTenant, type Tenant } from "./tenant.ts";

/** Of each of the two files. IMPORT_ROWS=1000000 imports two million. */
const ROWS = Number(process.env["IMPORT_ROWS"] ?? 100_000);
const WARM_MS = 5_000;
const QUIET_MS = 10_000;
/** Requests beside an import, a second. */
const REQUESTS_PER_SECOND = 50;
const POLL_MS = 250;
const CHUNK_ROWS = 1_000;

/**
 * What an import costs beyond writing the rows, and beside it. The yardstick is a COPY of the same
 * contacts, as they are kept, into the same table with its indexes and triggers, by its owner: without
 * reading CSV, checks, matching, audit, and what undoing needs.
 */
export const importContacts: Benchmark = {
  name: "import",
  description: `import of ${ROWS} contacts into an empty company, then of ${ROWS} others into that one; beside it ${REQUESTS_PER_SECOND} requests a second for the first contact of the list`,
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), "crm-import-"));
  try {
    await using userSvc = await environment.startUserSvc();
    const tenant = await makeTenant(environment, userSvc, 1);
    const files = [join(directory, "first"), join(directory, "second")] as const;
    await writeFiles(files, tenant);
    const copied: number[] = [];
    for (const file of files) copied.push(await copy(environment, `${file}.copy`));
    // The words, too: to learn them is a part of what the copies have cost.
    await withClient(environment.database.ownerUrl, (owner) =>
      owner.query("truncate crm.contacts, crm.words, crm.duplicate_queue cascade"),
    );
    await using crmSvc = await environment.startCompiledCrmSvc(userSvc);
    await latencies(crmSvc, tenant, Bun.sleep(WARM_MS));
    const rows: Row[] = [];
    for (const [at, file] of files.entries()) {
      // Before and after: machines are faster at one time than at another.
      const quiet = await latencies(crmSvc, tenant, Bun.sleep(QUIET_MS));
      const figures = await importFile(crmSvc, tenant, `${file}.csv`);
      // Else all that came is compared now.
      await withClient(environment.database.ownerUrl, (owner) =>
        owner.query("truncate crm.duplicate_queue"),
      );
      quiet.push(...(await latencies(crmSvc, tenant, Bun.sleep(QUIET_MS))));
      const perSecond = copied[at] ?? Number.NaN;
      rows.push({
        name: at === 0 ? "empty company" : "full company",
        figures: {
          ...figures,
          "COPY rows": { value: perSecond, unit: "rows/s" },
          "to COPY": { value: (figures["rows"]?.value ?? Number.NaN) / perSecond, unit: "×" },
          "p95 quiet": { value: percentile(quiet, 0.95), unit: "ms" },
          "p95 to quiet": {
            value: (figures["p95 beside"]?.value ?? Number.NaN) / percentile(quiet, 0.95),
            unit: "×",
          },
        },
      });
    }
    return rows;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The same contacts as CSV for the import, and as PostgreSQL's text for COPY. */
async function writeFiles(files: readonly string[], tenant: Tenant): Promise<void> {
  const invented = people(1);
  for (const file of files) {
    const csv = createWriteStream(`${file}.csv`);
    const text = createWriteStream(`${file}.copy`);
    csv.write("First Name,Last Name,Email,Phone,Company,Job Title,City,Tags,Lifecycle Stage\n");
    for (let left = ROWS; left > 0; left -= CHUNK_ROWS) {
      const chunk = Array.from({ length: Math.min(left, CHUNK_ROWS) }, () => {
        const person = invented.next().value;
        return { ...person, phone: person.phone?.replace("+999", "+4973") ?? null };
      });
      csv.write(stringify(chunk.map(cellsOf)));
      const ready = text.write(chunk.map((person) => copyLine(person, tenant)).join(""));
      if (!ready) await once(text, "drain");
    }
    await Promise.all([csv, text].map((stream) => finished(stream.end())));
  }
}

function cellsOf(person: Person): (string | null)[] {
  return [
    ...[person.first_name, person.last_name, person.email, person.phone, person.company],
    ...[person.title, person.address_city, person.tags.join(";"), person.lifecycle_stage],
  ];
}

const COPY = `copy crm.contacts (tenant_id, contact_id, first_name, last_name, email, phone, phone_e164,
  company, title, address_city, tags, lifecycle_stage) from stdin`;

function copyLine(person: Person, { id }: Tenant): string {
  const { first_name, last_name, email, phone, company, title, address_city, tags } = person;
  const e164 = phone?.replaceAll(" ", "") ?? null;
  const values = [first_name, last_name, email, phone, e164, company, title, address_city].map(
    (value) => value?.replaceAll("\\", "\\\\") ?? "\\N",
  );
  const labels = `{${tags.join(",")}}`;
  return `${[id, Bun.randomUUIDv7(), ...values, labels, person.lifecycle_stage].join("\t")}\n`;
}

/** Rows a second. */
async function copy(environment: Environment, file: string): Promise<number> {
  return withClient(environment.database.ownerUrl, async (owner) => {
    const started = performance.now();
    await pipeline(createReadStream(file), owner.query(copyFrom(COPY)));
    return (ROWS / (performance.now() - started)) * 1_000;
  });
}

async function importFile(crmSvc: Server, tenant: Tenant, file: string): Promise<Figures> {
  const headers = { authorization: `Bearer ${tenant.accessToken}` };
  let peak = 0;
  const watch = setInterval(async () => {
    peak = Math.max(peak, (await crmSvc.residentBytes()) ?? 0);
  }, POLL_MS);
  const cpuBefore = (await crmSvc.cpuMicroseconds()) ?? Number.NaN;
  const started = performance.now();

  async function upload() {
    const response = await fetch(`${crmSvc.origin}/v1/contacts/imports`, {
      method: "POST",
      headers: { ...headers, "content-type": "text/csv" },
      body: Readable.toWeb(createReadStream(file)) as unknown as ReadableStream,
    });
    const body = await response.json();
    if (response.status !== 202) throw new Error(JSON.stringify(body));
    const uploaded = performance.now();
    for (let found = contactImport.parse(body); ; ) {
      if (found.status === "done") return { found, uploaded };
      if (found.status === "failed") throw new Error(JSON.stringify(found));
      await Bun.sleep(POLL_MS);
      const answer = await fetch(`${crmSvc.origin}/v1/contacts/imports/${found.id}`, { headers });
      found = contactImport.parse(await answer.json());
    }
  }
  try {
    const done = upload();
    const beside = await latencies(crmSvc, tenant, done);
    const { found, uploaded } = await done;
    const seconds = (performance.now() - started) / 1_000;
    if (found.rowsRead !== ROWS || found.failed > 0) throw new Error(JSON.stringify(found));
    const cpu = ((await crmSvc.cpuMicroseconds()) ?? Number.NaN) - cpuBefore;
    return {
      rows: { value: ROWS / seconds, unit: "rows/s" },
      upload: { value: (uploaded - started) / 1_000, unit: "s" },
      created: { value: found.created, unit: "" },
      "service CPU": { value: cpu / ROWS, unit: "µs/row" },
      "memory, peak": { value: peak / 2 ** 20, unit: "MiB" },
      "p95 beside": { value: percentile(beside, 0.95), unit: "ms" },
      size: { value: (await stat(file)).size / 2 ** 20, unit: "MiB" },
    };
  } finally {
    clearInterval(watch);
  }
}

/** Milliseconds of requests for the list's first page, sent at a steady pace until `end`. */
async function latencies(
  crmSvc: Server,
  { accessToken }: Tenant,
  end: Promise<unknown>,
): Promise<number[]> {
  const took: number[] = [];
  const sent: Promise<void>[] = [];
  let ended = false;
  const stop = () => {
    ended = true;
  };
  end.then(stop, stop);
  const began = performance.now();
  for (let count = 0; !ended; count++) {
    await Bun.sleep(Math.max(began + (count * 1_000) / REQUESTS_PER_SECOND - performance.now(), 0));
    sent.push(ask());
  }
  await Promise.all(sent);
  return took;

  async function ask(): Promise<void> {
    const started = performance.now();
    const response = await fetch(`${crmSvc.origin}/v1/contacts?limit=1`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`GET /v1/contacts: ${response.status}`);
    took.push(performance.now() - started);
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
}

import { pipeline } from "node:stream/promises";
import { to as copyTo } from "pg-copy-streams";
import { withClient } from "../tools/local/database.ts";
import type { Benchmark, Figures, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";
import type { Server } from "./server.ts";
import { makeTenant, type Tenant } from "./tenant.ts";
import { withoutIndexes } from "./without-indexes.ts";

/** EXPORT_ROWS=1000000 exports a million. */
const ROWS = Number(process.env["EXPORT_ROWS"] ?? 100_000);
const INVENTED = 1_000;
const POLL_MS = 100;
/** Of the slow reader. */
const PIECE_BYTES = 1 << 20;
const PAUSE_MS = 50;

/**
 * What an export costs beyond reading the rows: pages under row-level security, CSV that nothing is run
 * from, chunks. The yardstick is a COPY of the same columns as CSV, by the table's owner.
 */
export const exportContacts: Benchmark = {
  name: "export",
  description: `export of ${ROWS} contacts as CSV over HTTP/1.1, and by a client that reads at most ${(PIECE_BYTES / 1_048_576) * (1_000 / PAUSE_MS)} MiB/s`,
  run,
};

async function run(environment: Environment): Promise<Row[]> {
  await using userSvc = await environment.startUserSvc();
  const tenant = await makeTenant(environment, userSvc, INVENTED);
  await multiply(environment, tenant);
  const copied = await copy(environment, tenant);
  await using crmSvc = await environment.startCompiledCrmSvc(userSvc);
  const fast = await download(crmSvc, tenant, 0);
  const slow = await download(crmSvc, tenant, PAUSE_MS);
  const perSecond = fast["rows"]?.value ?? Number.NaN;
  return [
    {
      name: "export",
      figures: {
        ...fast,
        "COPY rows": { value: copied, unit: "rows/s" },
        "to COPY": { value: perSecond / copied, unit: "×" },
      },
    },
    { name: "slow reader", figures: slow },
  ];
}

/** As many contacts as are asked for, of the few that there are. */
async function multiply({ database }: Environment, { id }: Tenant): Promise<void> {
  const names = `first_name, last_name, email, phone, company, title, website, address_street,
    address_city, address_postal_code, address_country, tags, source, lifecycle_stage, owner_user_id`;
  await withClient(database.ownerUrl, async (owner) => {
    await withoutIndexes(owner, "crm.contacts", async () => {
      await owner.query(
        `insert into crm.contacts (tenant_id, contact_id, created_at, ${names})
         select tenant_id, gen_random_uuid(), created_at - n * interval '1 second', ${names}
         from crm.contacts, generate_series(2, $2::integer) n where tenant_id = $1`,
        [id, Math.ceil(ROWS / INVENTED)],
      );
    });
  });
}

/** Rows a second. */
async function copy({ database }: Environment, { id }: Tenant): Promise<number> {
  return withClient(database.ownerUrl, async (owner) => {
    const started = performance.now();
    const rows = owner.query(
      copyTo(
        `copy (select contact_id, first_name, last_name, email, phone, company, title, website,
           address_street, address_city, address_region, address_postal_code, address_country, tags,
           source, lifecycle_stage, owner_user_id, created_at, updated_at
         from crm.contacts where tenant_id = '${id}' and deleted_at is null
         order by created_at desc, contact_id desc) to stdout with (format csv)`,
      ),
    );
    await pipeline(rows, async (chunks) => {
      for await (const _ of chunks);
    });
    return (ROWS / (performance.now() - started)) * 1_000;
  });
}

async function download(crmSvc: Server, tenant: Tenant, pauseMs: number): Promise<Figures> {
  const idle = (await crmSvc.residentBytes()) ?? Number.NaN;
  let peak = idle;
  const watch = setInterval(async () => {
    peak = Math.max(peak, (await crmSvc.residentBytes()) ?? Number.NaN);
  }, POLL_MS);
  try {
    const started = performance.now();
    const response = await fetch(`${crmSvc.origin}/v1/contacts/export`, {
      headers: { authorization: `Bearer ${tenant.accessToken}` },
    });
    if (!response.ok || response.body === null) throw new Error(await response.text());
    const first = performance.now() - started;
    let bytes = 0;
    let lines = -1;
    let unpaused = 0;
    for await (const chunk of response.body) {
      bytes += chunk.length;
      // None of the invented contacts has a line break in it.
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++;
      unpaused += chunk.length;
      if (pauseMs === 0 || unpaused < PIECE_BYTES) continue;
      unpaused = 0;
      await Bun.sleep(pauseMs);
    }
    if (lines < ROWS) throw new Error(`${lines} rows came instead of ${ROWS}`);
    return {
      rows: { value: (lines / (performance.now() - started)) * 1_000, unit: "rows/s" },
      "first byte": { value: first, unit: "ms" },
      size: { value: bytes / 1_048_576, unit: "MiB" },
      "memory before": { value: idle / 1_048_576, unit: "MiB" },
      "peak memory": { value: peak / 1_048_576, unit: "MiB" },
    };
  } finally {
    clearInterval(watch);
  }
}

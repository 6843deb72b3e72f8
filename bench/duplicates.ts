import { findDuplicates } from "../crm-svc/src/duplicates/job.ts";
import { withClient } from "../tools/local/database.ts";
import type { Benchmark, Row } from "./benchmark.ts";
import { type Labelled, population } from "./duplicates/population.ts";
import { DEVELOPMENT, HELD_OUT, VALIDATION, type World } from "./duplicates/worlds.ts";
import type { Environment } from "./environment.ts";
import type { Server } from "./server.ts";
import { withoutIndexes } from "./without-indexes.ts";

const CONTACTS = Number(process.env["DUPLICATES_CONTACTS"] ?? 50_000);
/** DUPLICATES_WORLDS=held-out for that one alone. */
const WORLDS = process.env["DUPLICATES_WORLDS"]?.split(",");
const CHUNK = 5_000;
const POLL_MS = 250;

/**
 * Comparing all contacts of a tenant for the first time, by crm-svc's own job: how long, in how much
 * memory, and how right. The generator knows nothing of the scorer, and the held-out world differs from
 * those that the scorer was set on in countries, names, nicknames, typing errors and rates.
 */
export const duplicates: Benchmark = {
  name: "duplicates",
  description: `finding the duplicates among ${CONTACTS} contacts of one tenant`,
  async run(environment) {
    await using userSvc = await environment.startUserSvc();
    await using crmSvc = await environment.startCrmSvc(userSvc);
    const worlds = { development: DEVELOPMENT, validation: VALIDATION, "held-out": HELD_OUT };
    const rows: Row[] = [];
    for (const [name, world] of Object.entries(worlds)) {
      if (WORLDS?.includes(name) === false) continue;
      rows.push({ name, figures: await measure(environment, crmSvc, world) });
    }
    return rows;
  },
};

async function measure({ database }: Environment, crmSvc: Server, world: World) {
  const tenantId = Bun.randomUUIDv7();
  return withClient(database.ownerUrl, async (owner) => {
    await owner.query("create schema if not exists bench");
    await owner.query(
      "create table if not exists bench.labels (tenant_id uuid, contact_id uuid, person integer)",
    );
    await owner.query(
      "insert into identity.tenants (tenant_id, slug, name) values ($1, $2, 'Bench')",
      [tenantId, `bench-${world.seed}`],
    );
    let chunk: (Labelled & { readonly id: string })[] = [];
    const insert = async (): Promise<void> => {
      await owner.query(INSERT, [tenantId, JSON.stringify(chunk)]);
      chunk = [];
    };
    // Those are for searching alone.
    await owner.query("alter table crm.contacts disable trigger learn_words_of_new");
    await withoutIndexes(owner, "crm.contacts", async () => {
      for (const contact of population(world, CONTACTS)) {
        chunk.push({ id: Bun.randomUUIDv7(), ...contact });
        if (chunk.length === CHUNK) await insert();
      }
      await insert();
    });
    await owner.query("alter table crm.contacts enable trigger learn_words_of_new");

    const began = performance.now();
    await owner.query(
      `select from graphile_worker.add_job($1, json_build_object(
         'tenantId', $2::uuid, 'requestId', 'bench-duplicates', 'input', '{}'::json), job_key => $3)`,
      // The schedule's own key, so that it adds no second one.
      [findDuplicates.name, tenantId, `${tenantId}/${findDuplicates.name}/scheduled`],
    );
    let most = 0;
    for (let left = true; left; ) {
      most = Math.max(most, (await crmSvc.residentBytes()) ?? 0);
      await Bun.sleep(POLL_MS);
      const { rowCount } = await owner.query(
        "select from crm.duplicate_queue where tenant_id = $1 limit 1",
        [tenantId],
      );
      left = rowCount === 1;
    }
    const seconds = (performance.now() - began) / 1_000;
    const { rows } = await owner.query<Record<"real" | "told" | "right", number>>(COUNTS, [
      tenantId,
    ]);
    const [{ real, told, right } = { real: 0, told: 0, right: 0 }] = rows;
    return {
      precision: { value: right / told, unit: "" },
      recall: { value: right / real, unit: "" },
      pairs: { value: told, unit: "" },
      "contacts a second": { value: CONTACTS / seconds, unit: "/s" },
      time: { value: seconds, unit: "s" },
      "memory of crm-svc, at most": { value: most / 2 ** 20, unit: "MiB" },
    };
  });
}

const INSERT = `
  with given as materialized (
    select * from jsonb_to_recordset($2) as given (
      id uuid, person integer, "firstName" text, "lastName" text, email text, phone text, company text,
      street text, "postalCode" text
    )
  ), labelled as (
    insert into bench.labels select $1, id, person from given
  )
  insert into crm.contacts (tenant_id, contact_id, first_name, last_name, email, phone, phone_e164,
                            company, address_street, address_postal_code)
  select $1, id, "firstName", "lastName", email, phone, phone, company, street, "postalCode" from given`;

const COUNTS = `
  with label as materialized (select * from bench.labels where tenant_id = $1)
  select
    (select count(*)::integer from label one join label other
       on other.person = one.person and other.contact_id > one.contact_id) as real,
    count(*)::integer as told,
    count(*) filter (where one.person = other.person)::integer as right
  from crm.duplicate_pairs pair
  join label one on one.contact_id = pair.first_id
  join label other on other.contact_id = pair.second_id
  where pair.tenant_id = $1`;

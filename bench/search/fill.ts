import type pg from "pg";
import { withClient } from "../../tools/local/database.ts";
import { say } from "../../tools/local/terminal.ts";
import type { Row } from "../benchmark.ts";
import { people } from "../people.ts";
import { quantile } from "../rounds.ts";
import { withoutIndexes } from "../without-indexes.ts";

type Generator = ReturnType<typeof people>;

const BATCH = 5_000;
const SINGLES = 200;
const BULK = 10_000;

/**
 * Adds invented contacts by its owner, whom no policy binds, in statements as an import has them. They are
 * not queued to be compared with each other, which would go on while searches are measured.
 */
export async function fillContacts(
  ownerUrl: string,
  tenantId: string,
  count: number,
  seed: number,
): Promise<void> {
  const generator = people(seed);
  await withClient(ownerUrl, async (owner) => {
    await owner.query("alter table crm.contacts disable trigger contacts_added");
    await withoutIndexes(owner, "crm.contacts", async () => {
      for (let done = 0; done < count; done += BATCH) {
        await insert(owner, tenantId, generator, Math.min(BATCH, count - done));
        if ((done + BATCH) % 100_000 === 0) say(`  ${done + BATCH} contacts`);
      }
    });
    await owner.query("alter table crm.contacts enable trigger contacts_added");
    await owner.query("vacuum (analyze) crm.words");
  });
}

/**
 * What keeping the words costs whoever writes, with its trigger and without, rolled back: people whose
 * names are known for the most part, if `seed` is that of those who are there; else, all new ones.
 */
export async function insertCosts(
  ownerUrl: string,
  tenantId: string,
  { seed, names }: { readonly seed: number; readonly names: string },
): Promise<Row[]> {
  return withClient(ownerUrl, async (owner) => {
    const timed = async (generator: Generator, rows: number): Promise<number> => {
      const began = performance.now();
      await insert(owner, tenantId, generator, rows);
      return performance.now() - began;
    };
    const medianSingle = async (generator: Generator): Promise<number> => {
      const times: number[] = [];
      for (let at = 0; at < SINGLES; at++) times.push(await timed(generator, 1));
      return quantile(
        times.toSorted((one, other) => one - other),
        0.5,
      );
    };
    const measured = async (): Promise<{ single: number; bulk: number }> => {
      // The same people each time: what came before is rolled back.
      const generator = people(seed);
      await owner.query("begin");
      const single = await medianSingle(generator);
      const bulk = await timed(generator, BULK);
      await owner.query("rollback");
      return { single, bulk };
    };
    await measured();
    const whole = await measured();
    await owner.query("alter table crm.contacts disable trigger learn_words_of_new");
    const without = await measured();
    await owner.query("alter table crm.contacts enable trigger learn_words_of_new");
    const row = (name: string, one: number, other: number): Row => ({
      name,
      figures: {
        "with words": { value: one, unit: "ms" },
        without: { value: other, unit: "ms" },
        "with : without": { value: one / other, unit: "ratio" },
      },
    });
    return [
      row(`insert of one contact, ${names}`, whole.single, without.single),
      row(`insert of ${BULK}, ${names}`, whole.bulk, without.bulk),
    ];
  });
}

async function insert(
  owner: pg.Client,
  tenantId: string,
  generator: Generator,
  count: number,
): Promise<void> {
  const rows = Array.from({ length: count }, () => ({
    contact_id: Bun.randomUUIDv7(),
    ...generator.next().value,
  }));
  await owner.query({ name: "insert", text: INSERT, values: [tenantId, JSON.stringify(rows)] });
}

const INSERT = `
  insert into crm.contacts (tenant_id, contact_id, first_name, last_name, email, phone, phone_e164, company,
    title, address_city, tags, lifecycle_stage)
  select $1, contact_id, first_name, last_name, email, phone, phone_e164, company, title, address_city, tags,
    lifecycle_stage
  from jsonb_populate_recordset(null::crm.contacts, $2::jsonb)`;

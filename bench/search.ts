import { withClient } from "../tools/local/database.ts";
import { say } from "../tools/local/terminal.ts";
import type { Benchmark, Figures, Row } from "./benchmark.ts";
import type { Environment } from "./environment.ts";
import { type Person, people, pick, randomFrom } from "./people.ts";
import { quantile } from "./rounds.ts";
import { fillContacts, insertCosts } from "./search/fill.ts";
import { type Kind, kinds } from "./search/kinds.ts";
import { openPort, type Port } from "./search/port.ts";
import { openRawSearch } from "./search/raw.ts";
import { mistype } from "./search/typos.ts";
import { makeTenant } from "./tenant.ts";

const MANY = Number(process.env["SEARCH_CONTACTS"] ?? 1_000_000);
const FEW = 10_000;
const SEED = 1;
/** Different ones of each kind; the first few only warm up. */
const QUERIES = 210;
const WARM_UP = 10;
const TYPOS = 1_000;
const FIRST = 10;

/**
 * What it costs to find somebody in whatever way one may look for them, and how often typing errors
 * still lead to whom was meant. One request at a time.
 */
export const search: Benchmark = {
  name: "search",
  description:
    `GET /v1/contacts/search, one at a time, ${QUERIES - WARM_UP} different queries of each kind, among ` +
    `${MANY} contacts; the same statements without the service; and among ${FEW}. Recall: whom was ` +
    `meant, or the very same name, among the first ${FIRST}, of ${TYPOS} mistyped queries`,
  run,
};

interface Samples {
  readonly port: number[];
  readonly raw: number[];
  readonly few: number[];
}

async function run(environment: Environment): Promise<Row[]> {
  await using userSvc = await environment.startUserSvc();
  await using crmSvc = await environment.startCrmSvc(userSvc);
  const { ownerUrl, appUrl } = environment.database;
  const few = await makeTenant(environment, userSvc, 0, "few");
  const many = await makeTenant(environment, userSvc, 0, "many");
  await fillContacts(ownerUrl, few.id, FEW, SEED);
  await fillContacts(ownerUrl, many.id, MANY, SEED);
  const costs = [
    ...(await insertCosts(ownerUrl, many.id, { seed: SEED, names: "names known" })),
    ...(await insertCosts(ownerUrl, many.id, { seed: SEED + 1, names: "names new" })),
  ];

  await using raw = await openRawSearch(appUrl, many.id);
  const ports = {
    few: await openPort(userSvc, crmSvc, few),
    many: await openPort(userSvc, crmSvc, many),
  };
  const known = sampleOf(MANY);
  const random = randomFrom(SEED + 1);
  const measured: [Kind, Samples][] = [];
  const counts: number[] = [];
  for (const kind of kinds) {
    const samples: Samples = { port: [], raw: [], few: [] };
    for (let at = 0; at < QUERIES; at++) {
      const q = someQuery(kind, known, random);
      counts.push(await raw.count());
      // By turns: whoever comes first brings what it finds into the processor's cache.
      const rawFirst = at % 2 === 0 ? await raw.measure(q) : null;
      const port = await ports.many.measure(q);
      const rawMs = rawFirst ?? (await raw.measure(q));
      const fewMs = await ports.few.measure(q);
      if (at < WARM_UP) continue;
      samples.port.push(port);
      samples.raw.push(rawMs);
      samples.few.push(fewMs);
    }
    measured.push([kind, samples]);
    say(`  ${kind.name}: p95 ${quantile(samples.port.toSorted(ascending), 0.95).toFixed(1)} ms`);
  }
  const all = measured.map(([, samples]) => samples);
  const whole: Samples = {
    port: all.flatMap(({ port }) => port),
    raw: all.flatMap((samples) => samples.raw),
    few: all.flatMap((samples) => samples.few),
  };
  return [
    ...measured.map(([{ name }, samples]) => ({ name, figures: latencies(samples) })),
    { name: "all kinds", figures: latencies(whole) },
    // How fast the machine was meanwhile: some are twice as fast at one time as at another.
    { name: "counting to 100,000 in PostgreSQL", figures: quantiles(counts) },
    await recall(ports.many, known, 1),
    await recall(ports.many, known, 2),
    ...costs,
    await vocabulary(ownerUrl, many.id),
  ];
}

const ascending = (one: number, other: number): number => one - other;

function quantiles(times: readonly number[]): Figures {
  const sorted = times.toSorted(ascending);
  return {
    p50: { value: quantile(sorted, 0.5), unit: "ms" },
    p95: { value: quantile(sorted, 0.95), unit: "ms" },
  };
}

function latencies({ port, raw, few }: Samples): Figures {
  const p95 = (times: readonly number[]) => quantile(times.toSorted(ascending), 0.95);
  return {
    ...quantiles(port),
    "p95 raw": { value: p95(raw), unit: "ms" },
    ": raw": { value: p95(port) / p95(raw), unit: "ratio" },
    ": few contacts": { value: p95(port) / p95(few), unit: "ratio" },
  };
}

/** Some thousand of those who were added, spread over all. */
function sampleOf(contacts: number): Person[] {
  const every = Math.ceil(contacts / 5_000);
  const generator = people(SEED);
  const known: Person[] = [];
  for (let at = 0; at < contacts; at++) {
    const { value } = generator.next();
    if (at % every === 0) known.push(value);
  }
  return known;
}

function someQuery(kind: Kind, known: readonly Person[], random: () => number): string {
  for (;;) {
    const q = kind.query(pick(known, random), random);
    if (q) return q;
  }
}

async function recall(port: Port, known: readonly Person[], errors: 1 | 2): Promise<Row> {
  const random = randomFrom(SEED + 2);
  let asked = 0;
  let found = 0;
  const missed: string[] = [];
  while (asked < TYPOS) {
    const mistyped = mistype(pick(known, random), errors, random);
    if (mistyped === null) continue;
    asked += 1;
    const hits = await port.hits(mistyped.q, FIRST);
    if (hits.some(mistyped.means)) found += 1;
    else missed.push(mistyped.q);
  }
  say(`  missed, with ${errors}: ${missed.slice(0, 20).join(" · ")}`);
  return {
    name: errors === 1 ? "one typing error" : "two, in a word of 7 letters or more",
    figures: { recall: { value: found / asked, unit: "of 1" } },
  };
}

async function vocabulary(ownerUrl: string, tenantId: string): Promise<Row> {
  return withClient(ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ words: number; bytes: number }>(
      `select (select count(*)::integer from crm.words where tenant_id = $1) as words,
              pg_total_relation_size('crm.words')::float8 as bytes`,
      [tenantId],
    );
    const { words = 0, bytes = 0 } = rows[0] ?? {};
    return {
      name: "the tenant's words",
      figures: {
        words: { value: words, unit: "words" },
        size: { value: bytes / 2 ** 20, unit: "MiB" },
      },
    };
  });
}

import { join } from "node:path";
import { Fault } from "../tools/local/fault.ts";
import { say, styled } from "../tools/local/terminal.ts";
import type { Benchmark, Row } from "./benchmark.ts";
import { duplicates } from "./duplicates.ts";
import { openEnvironment } from "./environment.ts";
import { exportContacts } from "./export.ts";
import { getContact } from "./get-contact.ts";
import { importContacts } from "./import.ts";
import { interactions } from "./interactions.ts";
import { leads } from "./leads.ts";
import { login } from "./login.ts";
import { describeMachine } from "./machine.ts";
import { search } from "./search.ts";
import { sessions } from "./sessions.ts";
import { startup } from "./startup.ts";
import { renderTables } from "./table.ts";
import { validateToken } from "./validate-token.ts";

const benchmarks: readonly Benchmark[] = [
  getContact,
  login,
  validateToken,
  sessions,
  importContacts,
  interactions,
  leads,
  exportContacts,
  duplicates,
  search,
  startup,
];

/** More digits than that are noise. */
const SIGNIFICANT_DIGITS = 4;

async function measure(benchmark: Benchmark): Promise<void> {
  const { name, description } = benchmark;
  say(`\n${styled("bold", name)}: ${description}\n`);
  await using environment = await openEnvironment();
  const rows = await benchmark.run(environment);
  say(renderTables(rows));
  const date = new Date().toISOString().slice(0, 10);
  const record = { name, description, date, machine: describeMachine(environment), rows };
  await Bun.write(join(import.meta.dir, `results/${name}.json`), `${asJson(record)}\n`);
}

function asJson(record: { readonly rows: readonly Row[] }): string {
  return JSON.stringify(
    record,
    (_name, value: unknown) =>
      typeof value === "number" ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : value,
    2,
  );
}

/** Runs the named benchmarks, or all, one after the other. */
async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => benchmarks.every((each) => each.name !== name));
  if (unknown.length > 0) {
    const known = benchmarks.map(({ name }) => name).join(", ");
    throw new Fault(`There is no benchmark ${unknown.join(", ")}. There are: ${known}.`);
  }
  for (const benchmark of benchmarks) {
    if (names.length === 0 || names.includes(benchmark.name)) await measure(benchmark);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  say(error.message);
  process.exitCode = 1;
}

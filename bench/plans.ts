import { join } from "node:path";
import { withClient } from "../tools/local/database.ts";
import { say } from "../tools/local/terminal.ts";
import type { Statement } from "./interactions/statements.ts";

/** As often as PostgreSQL plans a prepared statement for its parameters, before it may keep one plan for all. */
const CUSTOM_PLANS = 5;
/** A year of days would hide the plan that they are a parameter of. */
const LONGEST_LITERAL = 60;

/**
 * How PostgreSQL runs statements that a connection has sent before, as those of a service are: for people
 * to look at, here and beside the benchmark's results.
 */
export async function showPlans(
  benchmark: string,
  databaseUrl: string,
  statements: readonly Statement[],
): Promise<void> {
  const plans = await withClient(databaseUrl, async (client) => {
    const shown: string[] = [];
    for (const [at, statement] of statements.entries()) {
      const mode = statement.planEach ? "force_custom_plan" : "auto";
      await client.query(`set plan_cache_mode = ${mode}`);
      const prepared = `statement_${at}`;
      const literals = statement.parameters.map((value) => client.escapeLiteral(value));
      const execute = `execute ${prepared}${literals.length > 0 ? `(${literals.join(", ")})` : ""}`;
      await client.query(`prepare ${prepared} as ${statement.text}`);
      for (let before = 0; before < CUSTOM_PLANS; before++) await client.query(execute);
      const { rows } = await client.query<{ "QUERY PLAN": string }>(
        `explain (analyze, buffers off, costs off, timing off) ${execute}`,
      );
      const lines = rows.map((row) => abridged(row["QUERY PLAN"]));
      shown.push(`${statement.name}\n\n${lines.join("\n")}\n`);
    }
    return shown.join("\n");
  });
  say(plans);
  await Bun.write(join(import.meta.dir, `results/${benchmark}.plans.txt`), plans);
}

function abridged(line: string): string {
  return line.replace(/'[^']*'/g, (literal) =>
    literal.length <= LONGEST_LITERAL ? literal : `${literal.slice(0, LONGEST_LITERAL)}…'`,
  );
}

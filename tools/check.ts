import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { configurationPageIsRight } from "./configuration.ts";
import { generateErrorCodes } from "./error-codes.ts";
import { Fault } from "./local/fault.ts";
import { say, step } from "./local/terminal.ts";
import { dashboardsAreRight } from "./monitoring/dashboards.ts";
import { eventsPageIsRight } from "./monitoring/events-page.ts";
import { metricsPageIsRight } from "./monitoring/metrics-page.ts";
import { generateTables } from "./tables.ts";
import { startTestServer } from "./testing/server.ts";

const REPOSITORY = join(import.meta.dir, "..");
const RELEASED = "proto/released.binpb";
const REGENERATE = "Run: npm run generate";

/** Runs a program of node_modules/.bin or the PATH. Throws what it wrote, and `advice`, if it fails. */
async function run(command: readonly string[], advice: string): Promise<string> {
  const child = Bun.spawn([...command], {
    cwd: REPOSITORY,
    env: {
      ...process.env,
      PATH: [join(REPOSITORY, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Fault(`${output}${errors}\n${advice}`);
  return "in order";
}

/** What CI holds the sources to, cheapest first. Each throws a Fault if they are not in order. */
const checks: Readonly<Record<string, () => Promise<string>>> = {
  "buf lint": () => run(["buf", "lint"], "Change the .proto files as it says."),

  "buf breaking": async () => {
    if (!(await Bun.file(join(REPOSITORY, RELEASED)).exists())) return "nothing released yet";
    return run(
      ["buf", "breaking", "--against", RELEASED],
      "Peers have generated code from the released files: add to them, and change nothing.",
    );
  },

  "buf generate": async () => {
    const directory = await mkdtemp(join(tmpdir(), "crm-generated-"));
    try {
      await run(
        ["buf", "generate", "--output", directory],
        "The .proto files cannot be generated.",
      );
      return await run(
        ["diff", "-r", "proto/gen", join(directory, "proto/gen")],
        "proto/gen is not what the .proto files generate. Run: npm run generate",
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  },

  configuration: async () => {
    if (await configurationPageIsRight()) return "in order";
    throw new Fault("docs/configuration.md is not what the schemas say. Run: npm run generate");
  },

  monitoring: async () => {
    const pages = { metrics: metricsPageIsRight, events: eventsPageIsRight };
    for (const [name, isRight] of Object.entries(pages)) {
      const right = await isRight().catch((error: unknown) => {
        throw new Fault(String(error));
      });
      if (!right) throw new Fault(`docs/${name}.md is not what the code says. ${REGENERATE}`);
    }
    if (await dashboardsAreRight()) return "in order";
    throw new Fault(
      `infrastructure/monitoring/dashboards is not what it is made from. ${REGENERATE}`,
    );
  },

  "error codes": async () => {
    try {
      await generateErrorCodes(true);
      return "in order";
    } catch (error) {
      throw new Fault(String(error));
    }
  },

  biome: () => run(["biome", "ci", "--colors=off", "."], "Run: bunx biome check --write"),

  tsc: () => run(["tsc", "-p", "."], "The types above do not fit."),

  tables: async () => {
    const server = await startTestServer();
    try {
      await generateTables(server.ownerUrl, true);
      return "in order";
    } catch (error) {
      throw new Fault(String(error));
    } finally {
      await server.stop();
    }
  },
};

try {
  for (const [name, check] of Object.entries(checks)) await step(name, check, String);
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  say(`\n${error.message}`);
  process.exitCode = 1;
}

import { delimiter, join } from "node:path";
import { writeConfigurationPage } from "./configuration.ts";
import { generateErrorCodes } from "./error-codes.ts";
import { step } from "./local/terminal.ts";
import { writeDashboards } from "./monitoring/dashboards.ts";
import { writeEventsPage } from "./monitoring/events-page.ts";
import { writeMetricsPage } from "./monitoring/metrics-page.ts";
import { generateTables } from "./tables.ts";
import { startTestServer } from "./testing/server.ts";

const REPOSITORY = join(import.meta.dir, "..");
const BINARIES = join(REPOSITORY, "node_modules/.bin");

// Writes what is generated and committed: proto/gen from the .proto files, docs/configuration.md from
// the configurations' schemas, docs/metrics.md and docs/events.md from what the code measures and logs,
// the dashboards, the tables' types from sql/.

await step(
  "proto/gen",
  async () => {
    const child = Bun.spawn([join(BINARIES, "buf"), "generate"], {
      cwd: REPOSITORY,
      // buf finds its plugin on the PATH.
      env: { ...process.env, PATH: `${BINARIES}${delimiter}${process.env["PATH"]}` },
      stdio: ["ignore", "inherit", "inherit"],
    });
    if ((await child.exited) !== 0) process.exit(1);
  },
  () => "written",
);
await step("configuration", writeConfigurationPage, () => "written");
await step("metrics", writeMetricsPage, () => "written");
await step("events", writeEventsPage, () => "written");
await step("dashboards", writeDashboards, () => "written");
await step(
  "error codes",
  () => generateErrorCodes(false),
  () => "written",
);
await step(
  "tables",
  async () => {
    const server = await startTestServer();
    try {
      await generateTables(server.ownerUrl, false);
    } finally {
      await server.stop();
    }
  },
  () => "written",
);

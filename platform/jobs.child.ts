/** A worker in a process of its own, so that it can be killed. Takes a database's URL; ends on SIGTERM. */
import { once } from "node:events";
import { startJobWorker } from "./job-worker.ts";
import { hang, note, openTestDatabase, testServices } from "./jobs.fixtures.ts";
import { openLog } from "./log.ts";
import { openMetrics } from "./metrics.ts";

const url = process.argv[2] ?? "";
const database = openTestDatabase(url);
const metrics = openMetrics();
const worker = startJobWorker({
  url,
  database,
  services: testServices(database, metrics),
  metrics,
  jobs: [note, hang],
  atOnce: 2,
  log: openLog("jobs", "warn"),
});
await once(process, "SIGTERM");
await worker.stop();
await database.close();

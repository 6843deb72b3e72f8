import { afterAll, expect, test } from "bun:test";
import { importContacts, watchImport } from "../../../tools/testing/api/imports.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { startServices } from "../../../tools/testing/services.ts";

const services = await startServices({ JOBS_AT_ONCE: "2" });
const rest = restClient("REST", services, () => http1);

afterAll(() => services.stop());

/** So many take several slices of a job. */
const ROWS = 12_000;
/** A job's slice, for which there may be two, and what it takes to end. */
const MOST_TOGETHER_MS = 4_500;

test("after an upload amid an import, one job goes on with both, and not two", async () => {
  const { admin } = await services.newTenant();
  const token = admin.accessToken;
  const upload = async (file: string) => {
    const answer = await rest.call(importContacts, { file, mode: "create" }, { token });
    if (!answer.ok) throw new Error(JSON.stringify(answer));
    return answer.value.id;
  };
  const rows = Array.from({ length: ROWS }, (_, at) => `p${at}@jobs.example`);
  const first = await upload(`E-mail\n${rows.join("\n")}\n`);
  const second = await upload("E-mail\nlast@jobs.example\n");
  for (const id of [first, second]) await rest.call(watchImport, { id }, { token });

  const ran = services.log.flatMap((line) => {
    const told: { event: string; job?: string; time: string; ms: number } = JSON.parse(line);
    if (told.event !== "job_done" || told.job !== "contacts.import") return [];
    return { from: Date.parse(told.time) - told.ms, to: Date.parse(told.time) };
  });
  const busy = ran.reduce((sum, { from, to }) => sum + to - from, 0);
  const passed = Math.max(...ran.map(({ to }) => to)) - Math.min(...ran.map(({ from }) => from));
  expect(busy - passed).toBeLessThan(MOST_TOGETHER_MS);
}, 120_000);

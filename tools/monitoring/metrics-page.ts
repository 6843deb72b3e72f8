import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DescribedMetric, LABELS, METRICS } from "./described.ts";

const PAGE = join(import.meta.dir, "../../docs/metrics.md");

const INTRODUCTION = `# Metrics

\`GET /metrics\` of each service, for Prometheus. It needs no token, so it belongs on no public address.
[\`infrastructure/monitoring/\`](../infrastructure/monitoring) has a dashboard for each service and rules
for alerts; \`docker compose --profile monitoring up\` runs both. They tell the services apart by Prometheus's
\`job\`, which is to be \`user-svc\` or \`crm-svc\`.

A histogram \`x\` is told as \`x_bucket\`, \`x_sum\` and \`x_count\`, in seconds. What was changed is counted once
it is committed, and not if it was rolled back. No label holds anything that a client has made up: what is
not known counts as \`other\`, and a path without a route as \`/*\`.

Statements are told apart by what they do and to what, which is read from their text once: nothing needs
to be named. \`pg_stat_statements\` tells more of each.

Of all processes that run jobs, one counts those in the queue, every 15 seconds; when it ends, another
does. So ask for \`max by (task)\`.

What begins with \`process_\` and \`nodejs_\` is prom-client's account of the process: its processor time and
memory, and how long the event loop kept everybody waiting since the last scrape
(\`nodejs_eventloop_lag_p99_seconds\`).

This page is made from the code: \`npm run generate\`.
`;

const TITLES = {
  both: "Both services",
  "user-svc": "user-svc",
  "crm-svc": "crm-svc",
} as const;

/** Writes docs/metrics.md. */
export async function writeMetricsPage(): Promise<void> {
  await writeFile(PAGE, page());
}

/** Whether it is as it would be written. */
export async function metricsPageIsRight(): Promise<boolean> {
  return (await readFile(PAGE, "utf8").catch(() => "")) === page();
}

function page(): string {
  const owned = [...METRICS.both, ...METRICS["user-svc"], ...METRICS["crm-svc"]];
  const used = [...new Set(owned.flatMap(({ labels }) => labels))];
  const labels = used.map((label) => {
    const meaning = LABELS[label];
    if (meaning === undefined) throw new Error(`the label ${label} has no description`);
    return `| \`${label}\` | ${meaning} |`;
  });
  return [
    INTRODUCTION,
    ...Object.entries(TITLES).map(([of, title]) => `## ${title}\n\n${table(of)}\n`),
    `## Labels\n\n${["| label | what it holds |", "|---|---|", ...labels].join("\n")}\n`,
  ].join("\n");
}

function table(of: string): string {
  const metrics: readonly DescribedMetric[] =
    Object.entries(METRICS).find(([known]) => known === of)?.[1] ?? [];
  const rows = metrics.map(({ name, type, labels, help }) => {
    const labelled = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${labelled} | ${help.replace(/\.$/, "")} |`;
  });
  return ["| metric | type | labels | what it tells |", "|---|---|---|---|", ...rows].join("\n");
}

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { BUSINESS_EVENTS as CRM_EVENTS } from "../../crm-svc/src/business-events.ts";
import { BUSINESS_EVENTS as USER_EVENTS } from "../../user-svc/src/business-events.ts";
import { SECURITY_EVENTS as USER_SECURITY } from "../../user-svc/src/security/event-names.ts";
import { DASHBOARDS } from "../monitoring/dashboards.ts";
import { type DescribedMetric, METRICS } from "../monitoring/described.ts";
import { SECURITY_EVENTS } from "../monitoring/log-events.ts";
import { documentsOf } from "./documents.ts";
import { readPromQl, type Selector } from "./promql.ts";

// That /metrics serves exactly the metrics that are described is tools/contract/metrics.test.ts's.

const DIRECTORY = join(import.meta.dir, "../../infrastructure/monitoring");
const JOBS = ["user-svc", "crm-svc"] as const;
const OF_THE_TARGET = ["job", "instance"];
/** Prometheus's own, of each target. */
const UP: DescribedMetric = { name: "up", type: "gauge", help: "", labels: [] };

const duration = z.string().regex(/^\d+[smh]$/);
const rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^[A-Z]\w+$/),
          expr: z.string(),
          for: duration.optional(),
          labels: z.strictObject({ severity: z.enum(["page", "ticket"]) }),
          annotations: z.strictObject({ summary: z.string() }),
        }),
      ),
    }),
  ),
});
const [document] = await documentsOf(join(DIRECTORY, "alerts.yaml"));
const alerts = rules.parse(document).groups.flatMap((group) => group.rules);

/** Of one service's metrics, or of both. */
function metricsOf(jobs: readonly (typeof JOBS)[number][]): DescribedMetric[] {
  return [UP, ...METRICS.both, ...METRICS.process, ...jobs.flatMap((job) => METRICS[job])];
}

/** The metric that a name stands for, and its labels, `le` included. Throws if there is none. */
function find(name: string, metrics: readonly DescribedMetric[]): DescribedMetric {
  const plain = metrics.find((metric) => metric.name === name && metric.type !== "histogram");
  if (plain) return plain;
  const [, stem, suffix] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const histogram = metrics.find((metric) => metric.name === stem && metric.type === "histogram");
  if (!histogram) throw new Error(`there is no metric ${name}`);
  return { ...histogram, labels: [...histogram.labels, ...(suffix === "bucket" ? ["le"] : [])] };
}

/** What there is for a label to be. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  job: JOBS,
  event: [CRM_EVENTS, USER_EVENTS, USER_SECURITY, SECURITY_EVENTS].flatMap(Object.keys),
  status: ["200", "404", "500", "503"],
  code: ["ok", "internal", "unknown", "unavailable", "deadline_exceeded", "data_loss"],
  state: ["waiting", "later", "running", "failed", "idle", "busy"],
  outcome: ["hit", "miss"],
};

function faultsOf(selector: Selector, metrics: readonly DescribedMetric[]): string[] {
  const { metric: name, matchers, within, kept } = selector;
  const { type, labels } = find(name, metrics);
  const known = [...labels, ...OF_THE_TARGET];
  const ever = type === "counter" || type === "histogram";
  return [
    ...[...matchers.map(({ label }) => label), ...kept.flat()]
      .filter((label) => !known.includes(label))
      .map((label) => `${name} has no label ${label}`),
    ...matchers.flatMap(({ label, op, value }) => {
      const values = VALUES[label] ?? [];
      const alternatives = op.endsWith("~") ? value.split("|") : [value];
      const met = (pattern: string) =>
        values.some((each) => new RegExp(`^(?:${pattern})$`).test(each));
      return values.length === 0 || alternatives.every(met) ? [] : [`${label} is never ${value}`];
    }),
    ...(ever === within.some((each) => ["rate", "increase"].includes(each))
      ? []
      : [`${name} is a ${type}, within ${within.join(", ")}`]),
    ...(within.includes("histogram_quantile") && !kept.some((each) => each.includes("le"))
      ? [`${name} has lost its le`]
      : []),
  ];
}

describe.each(alerts)("the alert $alert", ({ expr, annotations: { summary } }) => {
  const { selectors, labels } = readPromQl(expr);
  const metrics = metricsOf(JOBS);

  test("goes by metrics and labels that there are", () => {
    expect(selectors).not.toBeEmpty();
    expect(selectors.flatMap((selector) => faultsOf(selector, metrics))).toEqual([]);
  });

  test("says what it knows, and nothing else", () => {
    const told = [...summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
    const own = selectors.flatMap(({ metric }) => find(metric, metrics).labels);
    expect([...OF_THE_TARGET, ...own]).toContainValues(told);
    if (labels !== null) expect(told.filter((label) => !labels.includes(label ?? ""))).toEqual([]);
  });
});

test("every alert has a name of its own", () => {
  const names = alerts.map(({ alert }) => alert);
  expect(new Set(names).size).toBe(names.length);
});

describe.each(Object.values(DASHBOARDS))("the dashboard $title", ({ job, rows }) => {
  const service = z.enum(JOBS).parse(job);
  const panels = rows.flatMap((row) => row.panels);
  const queries = panels.flatMap(({ title, queries }) =>
    Object.entries(queries).map(([series, text]) => ({ title, series, text })),
  );

  test.each(queries)("$title ($series) shows what there is", ({ series, text }) => {
    const { selectors, labels } = readPromQl(text);
    expect(selectors).not.toBeEmpty();
    expect(selectors.flatMap((each) => faultsOf(each, metricsOf([service])))).toEqual([]);
    for (const { matchers } of selectors) {
      expect(matchers).toContainEqual({ label: "job", op: "=", value: job });
    }
    const told = [...series.matchAll(/\{\{(\w+)\}\}/g)].flatMap(([, label]) => label ?? []);
    expect(told.toSorted()).toEqual(
      (labels ?? ["instance"]).filter((label) => label !== "le").toSorted(),
    );
  });

  test("has everything that the service tells of itself", () => {
    const shown = queries.flatMap(({ text }) => readPromQl(text).selectors);
    const names = shown.map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, ""));
    const elsewhere = service === "user-svc" ? ONLY_CRM : [];
    const own = [...METRICS.both, ...METRICS[service]].map(({ name }) => name);
    expect(own.filter((name) => !names.includes(name) && !elsewhere.includes(name))).toEqual([]);
  });
});

/** What user-svc has no use for: it calls no service, caches no tokens, and runs no jobs. */
const ONLY_CRM = METRICS.both
  .map(({ name }) => name)
  .filter((name) => /^(peer|cache|job)_/.test(name));

test("an expression that is wrong is found out", () => {
  expect(() => readPromQl("sum by (job rate(x[5m]))")).toThrow("no PromQL");
  const faults = (text: string): string[] =>
    readPromQl(text).selectors.flatMap((each) => faultsOf(each, metricsOf(JOBS)));
  expect(() => faults("sum(rate(http_requests_total[5m]))")).toThrow("no metric");
  expect(() => faults("sum(rate(http_request_duration_seconds[5m]))")).toThrow("no metric");
  expect(faults("sum by (path) (rate(rpc_duration_seconds_count[5m]))")).toEqual([
    "rpc_duration_seconds_count has no label path",
  ]);
  expect(faults('sum(rate(security_events_total{event="login_lost"}[5m]))')).toEqual([
    "event is never login_lost",
  ]);
  expect(faults("security_events_total > 1")).toHaveLength(1);
  expect(faults("rate(service_ready[5m])")).toHaveLength(1);
  expect(faults("histogram_quantile(0.9, sum(rate(rpc_duration_seconds_bucket[5m])))")).toEqual([
    "rpc_duration_seconds_bucket has lost its le",
  ]);
});

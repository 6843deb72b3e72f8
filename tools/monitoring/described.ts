import { openMetrics, LABELS as PLATFORM_LABELS } from "@crm/platform/metrics";
import { Registry } from "prom-client";
import { z } from "zod";
import { LABELS as CRM_LABELS, openMeasures as crmMeasures } from "../../crm-svc/src/measures.ts";
import { openMeasures as userMeasures } from "../../user-svc/src/measures.ts";

/** A metric as the code defines it. */
export interface DescribedMetric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly help: string;
  readonly labels: readonly string[];
}

const metricSchema = z.object({
  name: z.string(),
  type: z.enum(["counter", "gauge", "histogram", "summary"]),
  help: z.string(),
  labelNames: z.array(z.string()),
});

/** What is not the services' own, but prom-client's. */
const OF_THE_PROCESS = /^(process|nodejs)_/;

function metricsOf(registry: Registry): DescribedMetric[] {
  return registry
    .getMetricsAsArray()
    .map((metric) => metricSchema.parse(metric))
    .map(({ labelNames: labels, ...metric }) => ({ ...metric, labels }));
}

function own(open: (of: { registry: Registry }) => unknown): DescribedMetric[] {
  const registry = new Registry();
  open({ registry });
  return metricsOf(registry);
}

const shared = metricsOf(openMetrics().registry);

/** Every metric that there is, by who tells it. */
export const METRICS = {
  both: shared.filter(({ name }) => !OF_THE_PROCESS.test(name)),
  "user-svc": own(userMeasures),
  "crm-svc": own(crmMeasures),
  /** Of these, there are others on other systems. */
  process: shared.filter(({ name }) => OF_THE_PROCESS.test(name)),
} as const;

/** What each label of the services' own metrics holds. */
export const LABELS: Readonly<Record<string, string>> = {
  ...PLATFORM_LABELS,
  ...Object.fromEntries(
    Object.entries(CRM_LABELS).map(([label, values]) => [
      label,
      values.map((value) => `\`${value}\``).join(", "),
    ]),
  ),
};

/** What of a service is chosen: its name, the instances that are looked at, and what else is said. */
export const selected = (job: string, ...more: string[]): string =>
  `{${[`job="${job}"`, 'instance=~"$instance"', ...more].join(",")}}`;

export function rate(metric: string, of: string, by: string): string {
  return `sum by (${by}) (rate(${metric}${of}[$__rate_interval]))`;
}

export function increase(metric: string, of: string, by: string): string {
  return `sum by (${by}) (increase(${metric}${of}[$__rate_interval]))`;
}

export function quantile(q: number, histogram: string, of: string, by?: string): string {
  const labels = by === undefined ? "le" : `${by}, le`;
  return `histogram_quantile(${q}, sum by (${labels}) (rate(${histogram}_bucket${of}[$__rate_interval])))`;
}

export function quantiles(histogram: string, of: string): Record<string, string> {
  return {
    p50: quantile(0.5, histogram, of),
    p95: quantile(0.95, histogram, of),
    p99: quantile(0.99, histogram, of),
  };
}

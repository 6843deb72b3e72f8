/** A series of Prometheus's text format. */
export interface Series {
  /** As it stands there, labels included. */
  readonly id: string;
  /** Of the metric: without `_bucket`, `_sum` and `_count` of a histogram. */
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly types: ReadonlyMap<string, string>;
  readonly series: readonly Series[];
}

const SERIES = /^(?<name>\w+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads what `GET /metrics` of a service answers. */
export async function scrape(url: string): Promise<Exposition> {
  const response = await fetch(`${url}/metrics`);
  if (!response.ok) throw new Error(`${url}/metrics: ${response.status}`);
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  const types = new Map(
    lines.flatMap((line) => {
      const [, name, type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
      return name !== undefined && type !== undefined ? [[name, type] as const] : [];
    }),
  );
  const series = lines
    .filter((line) => !line.startsWith("#"))
    .map((line) => {
      const { name = "", labels = "", value } = SERIES.exec(line)?.groups ?? {};
      if (name === "") throw new Error(`no series: ${line}`);
      const stem = name.replace(/_(bucket|sum|count)$/, "");
      return {
        id: line.slice(0, line.lastIndexOf(" ")),
        metric: types.get(stem) === "histogram" ? stem : name,
        labels: Object.fromEntries(
          [...labels.matchAll(LABEL)].map(([, label = "", text = ""]) => [label, text]),
        ),
        value: Number(value),
      };
    });
  return { types, series };
}

interface Look {
  readonly description?: string;
  /** Red from here on; below it, with `redBelow`. */
  readonly red?: number;
  readonly redBelow?: true;
  readonly stacked?: true;
}

export interface Panel extends Look {
  readonly title: string;
  readonly kind: "timeseries" | "stat";
  /** As Grafana calls it: `s`, `reqps`, `percentunit`, `bytes`, `short`. */
  readonly unit: string;
  /** PromQL, by what its series are called (Grafana's format). */
  readonly queries: Readonly<Record<string, string>>;
}

/** What was, over time. */
export function graph(
  title: string,
  unit: string,
  queries: Panel["queries"],
  look: Look = {},
): Panel {
  return { kind: "timeseries", title, unit, queries, ...look };
}

/** One number: what is. */
export function figure(
  title: string,
  unit: string,
  queries: Panel["queries"],
  look: Look = {},
): Panel {
  return { kind: "stat", title, unit, queries, ...look };
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  /** As Prometheus names what it asks. */
  readonly job: string;
  readonly rows: readonly Row[];
}

/** Of Grafana's grid, which is 24 wide. */
const SIZE = { stat: { w: 4, h: 4 }, timeseries: { w: 8, h: 8 } } as const;
const WIDTH = 24;
const DATASOURCE = { type: "prometheus", uid: "$datasource" };

/** The dashboard as Grafana keeps it, JSON: each row's panels from left to right. */
export function dashboardJson({ uid, title, job, rows }: Dashboard): string {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({
      ...{ id: panels.length + 1, type: "row", title: row.title, collapsed: false, panels: [] },
      gridPos: { x: 0, y: y++, w: WIDTH, h: 1 },
    });
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const size = SIZE[panel.kind];
      if (x + size.w > WIDTH) {
        x = 0;
        y += height;
        height = 0;
      }
      const gridPos = { x, y, ...size };
      panels.push({ id: panels.length + 1, gridPos, ...panelJson(panel) });
      x += size.w;
      height = Math.max(height, size.h);
    }
    y += height;
  }
  const dashboard = {
    uid,
    title,
    tags: ["crm"],
    timezone: "browser",
    schemaVersion: 41,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    templating: { list: variables(job) },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function panelJson({ title, description, kind, unit, queries, ...look }: Panel) {
  const color = look.redBelow ? ["red", "green"] : ["green", "red"];
  const steps = [
    { color: color[0], value: null },
    ...(look.red === undefined ? [] : [{ color: color[1], value: look.red }]),
  ];
  return {
    type: kind,
    title,
    ...(description !== undefined && { description }),
    datasource: DATASOURCE,
    targets: Object.entries(queries).map(([legendFormat, expr], at) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + at),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      ...(kind === "stat" && { instant: true }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(kind === "stat" && { thresholds: { mode: "absolute", steps }, noValue: "–" }),
        ...(kind === "timeseries" && {
          custom: look.stacked
            ? { fillOpacity: 30, stacking: { mode: "normal", group: "A" } }
            : { fillOpacity: 5, showPoints: "never" },
        }),
      },
      overrides: [],
    },
    options:
      kind === "stat"
        ? { colorMode: "value", graphMode: "none", reduceOptions: { calcs: ["lastNotNull"] } }
        : {
            tooltip: { mode: "multi", sort: "desc" },
            legend: { displayMode: "list", placement: "bottom" },
          },
  };
}

function variables(job: string) {
  return [
    { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" },
    {
      name: "instance",
      label: "Instance",
      type: "query",
      datasource: DATASOURCE,
      query: `label_values(service_ready{job="${job}"}, instance)`,
      refresh: 2,
      multi: true,
      includeAll: true,
      current: { text: "All", value: "$__all" },
    },
  ];
}

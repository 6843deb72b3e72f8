import type { Figure, Row } from "./benchmark.ts";

const NONE = "–";
const GAP = "   ";

interface Table {
  /** Label of each column, by the figures' name. */
  readonly columns: Map<string, string>;
  readonly rows: Row[];
}

/** Rows as text, in columns. A new table begins where a figure has another unit than above. */
export function renderTables(rows: readonly Row[]): string {
  const tables: Table[] = [];
  for (const row of rows) {
    const labels = Object.entries(row.figures).map(
      ([name, { unit }]) => [name, unit === "ratio" ? name : `${name} ${unit}`] as const,
    );
    let table = tables.at(-1);
    if (!table || labels.some(([name, label]) => (table?.columns.get(name) ?? label) !== label)) {
      table = { columns: new Map(), rows: [] };
      tables.push(table);
    }
    for (const [name, label] of labels) table.columns.set(name, label);
    table.rows.push(row);
  }
  return tables.map(renderTable).join("\n\n");
}

function renderTable({ columns, rows }: Table): string {
  const lines = [
    ["", ...columns.values()],
    ...rows.map(({ name, figures }) => [
      name,
      ...Array.from(columns.keys(), (column) => renderFigure(figures[column])),
    ]),
  ];
  const widths = Array.from({ length: columns.size + 1 }, (_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map(([name = "", ...cells]) => {
      const padded = cells.map((cell, column) => cell.padStart(widths[column + 1] ?? 0));
      return [name.padEnd(widths[0] ?? 0), ...padded].join(GAP);
    })
    .join("\n");
}

/** The spread of a ratio is worth a look; that of an absolute figure is in the results' file. */
function renderFigure(figure: Figure | undefined): string {
  if (figure === undefined) return NONE;
  const { value, unit, quartiles } = figure;
  if (unit !== "ratio" || quartiles === undefined) return renderNumber(value);
  return `${renderNumber(value)} (${quartiles.map(renderNumber).join("–")})`;
}

/** Three significant digits are more than a shared machine can give. */
function renderNumber(value: number): string {
  const decimals = value === 0 ? 0 : 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.max(0, Math.min(decimals, 3)));
}

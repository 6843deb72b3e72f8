import type { Figures } from "./schema.ts";

/** Interactions of one group that ended in the same way. */
export interface Cell {
  readonly group: string | null;
  readonly outcome: string | null;
  readonly count: number;
  /** Those that have a duration, and all their durations together. */
  readonly timed: number;
  readonly seconds: number;
}

/** Of one group, or of all together. */
export interface Median {
  readonly group: string | null;
  readonly overall: boolean;
  readonly median: number;
}

/** The figures of each group, in order, of what has no group last; and of all. */
export function figuresOf({
  cells,
  medians,
}: {
  readonly cells: readonly Cell[];
  readonly medians: readonly Median[];
}): { readonly items: Figures[]; readonly total: Figures } {
  const groups = Map.groupBy(cells, ({ group }) => group);
  const medianOf = new Map(
    medians.filter(({ overall }) => !overall).map(({ group, median }) => [group, median]),
  );
  const items = [...groups].map(([group, within]) => figures(group, within, medianOf.get(group)));
  items.sort((one, other) => {
    if (one.group === null || other.group === null) return one.group === null ? 1 : -1;
    return one.group < other.group ? -1 : 1;
  });
  const overall = medians.find((each) => each.overall)?.median;
  return { items, total: figures(null, cells, overall) };
}

function figures(
  group: string | null,
  cells: readonly Cell[],
  median: number | undefined,
): Figures {
  const sum = (of: (cell: Cell) => number): number =>
    cells.reduce((whole, cell) => whole + of(cell), 0);
  const timed = sum((cell) => cell.timed);
  const seconds = sum((cell) => cell.seconds);
  const ended = new Map<string, number>();
  for (const { outcome, count } of cells) {
    if (outcome !== null) ended.set(outcome, (ended.get(outcome) ?? 0) + count);
  }
  const all = [...ended.values()].reduce((whole, count) => whole + count, 0);
  return {
    group,
    count: sum((cell) => cell.count),
    durationSeconds: {
      count: timed,
      total: seconds,
      average: timed === 0 ? null : seconds / timed,
      median: median ?? null,
    },
    outcomes: [...ended]
      .map(([outcome, count]) => ({ outcome, count, rate: count / all }))
      .sort((one, other) => other.count - one.count || (one.outcome < other.outcome ? -1 : 1)),
  };
}

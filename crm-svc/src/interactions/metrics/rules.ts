import type { Figures } from "./schema.ts";

/** Interactions of one group that ended in the same way. */
export interface Cell {
  readonly group: string | null;
  readonly outcome: string | null;
  readonly count: number;
}

/** How long those took that have a duration: of one group, or of all together. */
export interface Duration {
  readonly group: string | null;
  readonly overall: boolean;
  readonly timed: number;
  readonly seconds: number;
  readonly median: number;
}

/** The figures of each group, in order, of what has no group last; and of all. */
export function figuresOf({
  cells,
  durations,
}: {
  readonly cells: readonly Cell[];
  readonly durations: readonly Duration[];
}): { readonly items: Figures[]; readonly total: Figures } {
  const groups = Map.groupBy(cells, ({ group }) => group);
  const durationOf = new Map(
    durations.filter(({ overall }) => !overall).map((duration) => [duration.group, duration]),
  );
  const items = [...groups].map(([group, within]) => figures(group, within, durationOf.get(group)));
  items.sort((one, other) => {
    if (one.group === null || other.group === null) return one.group === null ? 1 : -1;
    return one.group < other.group ? -1 : 1;
  });
  const overall = durations.find((each) => each.overall);
  return { items, total: figures(null, cells, overall) };
}

function figures(
  group: string | null,
  cells: readonly Cell[],
  duration: Duration | undefined,
): Figures {
  const ended = new Map<string, number>();
  for (const { outcome, count } of cells) {
    if (outcome !== null) ended.set(outcome, (ended.get(outcome) ?? 0) + count);
  }
  const all = [...ended.values()].reduce((whole, count) => whole + count, 0);
  return {
    group,
    count: cells.reduce((whole, { count }) => whole + count, 0),
    durationSeconds: {
      count: duration?.timed ?? 0,
      total: duration?.seconds ?? 0,
      average: duration === undefined ? null : duration.seconds / duration.timed,
      median: duration?.median ?? null,
    },
    outcomes: [...ended]
      .map(([outcome, count]) => ({ outcome, count, rate: count / all }))
      .sort((one, other) => other.count - one.count || (one.outcome < other.outcome ? -1 : 1)),
  };
}

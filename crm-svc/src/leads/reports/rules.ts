import type { Figures, LeadMetrics } from "./schema.ts";

/** Leads that are alike in all that a report tells apart. */
export interface Cell {
  readonly key: string | null;
  /** Of creation: "2026-01". */
  readonly month: string;
  readonly status: string;
  /** 1 is new, 6 won. */
  readonly furthest: number;
  /** From the month of creation to that of winning. */
  readonly monthsToWin: number | null;
  readonly count: number;
}

/** How long the won leads of a group, or all of them, took, in days. */
export interface Cycle {
  readonly overall: boolean;
  readonly key: string | null;
  readonly median: number;
  readonly p90: number;
}

/** The figures of each group, by key, the one without a key last; and of all. */
export function figuresOf(
  cells: readonly Cell[],
  cycles: readonly Cycle[],
): Pick<LeadMetrics, "items" | "total"> {
  const cycleOf = new Map(
    cycles.filter(({ overall }) => !overall).map((cycle) => [cycle.key, cycle]),
  );
  const items = [...Map.groupBy(cells, ({ key }) => key)].map(([key, group]) =>
    figures(key, group, cycleOf.get(key)),
  );
  items.sort((one, other) => {
    if (one.key === null || other.key === null) return one.key === null ? 1 : -1;
    return one.key < other.key ? -1 : 1;
  });
  const overall = cycles.find((cycle) => cycle.overall);
  return { items, total: figures(null, cells, overall) };
}

function figures(key: string | null, cells: readonly Cell[], cycle: Cycle | undefined): Figures {
  const created = sum(cells);
  const won = sum(cells.filter(({ status }) => status === "won"));
  const lost = sum(cells.filter(({ status }) => status === "lost"));
  return {
    key,
    created,
    open: created - won - lost,
    won,
    lost,
    conversionRate: ratio(won, created),
    winRate: ratio(won, won + lost),
    medianCycleDays: cycle?.median ?? null,
    p90CycleDays: cycle?.p90 ?? null,
  };
}

const STAGES = ["new", "contacted", "qualified", "proposal", "negotiation", "won"] as const;

/** How many leads have ever come to each stage or further. */
export function funnelOf(cells: readonly Cell[]): LeadMetrics["funnel"] {
  const reached = STAGES.map((_, at) => sum(cells.filter(({ furthest }) => furthest > at)));
  return STAGES.map((status, at) => ({
    status,
    reached: reached[at] ?? 0,
    rate: at === 0 ? null : ratio(reached[at] ?? 0, reached[at - 1] ?? 0),
  }));
}

/** What became of the leads of each month. */
export function cohortsOf(cells: readonly Cell[]): LeadMetrics["cohorts"] {
  return [...Map.groupBy(cells, ({ month }) => month)]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([month, group]) => {
      const { created, won, lost } = figures(null, group, undefined);
      const latest = Math.max(-1, ...group.map(({ monthsToWin }) => monthsToWin ?? -1));
      const wonAfterMonths = Array.from({ length: latest + 1 }, (_, after) =>
        sum(group.filter(({ monthsToWin }) => monthsToWin === after)),
      );
      return { month, created, won, lost, wonAfterMonths };
    });
}

function sum(cells: readonly Cell[]): number {
  return cells.reduce((whole, { count }) => whole + count, 0);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

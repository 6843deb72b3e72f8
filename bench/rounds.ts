import type { Figure, Figures, Row } from "./benchmark.ts";

/** One of several things that are measured against each other. */
export interface Contender {
  readonly name: string;
  readonly measure: () => Promise<Figures>;
  /** What `runRounds` measured, a set of figures for each round. */
  readonly samples: Figures[];
}

export function contender(name: string, measure: () => Promise<Figures>): Contender {
  return { name, measure, samples: [] };
}

/**
 * Measures every contender once in each round, so that whatever else the machine does meets all of
 * them alike. A round before the first one is thrown away: compilers and caches are warm after it.
 */
export async function runRounds(rounds: number, contenders: readonly Contender[]): Promise<void> {
  for (const { measure } of contenders) await measure();
  for (let round = 0; round < rounds; round++) {
    for (const { measure, samples } of contenders) samples.push(await measure());
  }
}

/** The median of each figure. */
export function medians({ name, samples }: Contender): Row {
  return { name, figures: summarise(samples) };
}

/**
 * How many times the other's each of these figures is, where both have it. The ratio is formed within
 * each round, whose noise both had to bear, and only then is the median taken.
 */
export function ratios(one: Contender, other: Contender, figures: readonly string[]): Row {
  const rounds = one.samples.map((sample, round): Figures => {
    const divisors = other.samples[round] ?? {};
    return Object.fromEntries(
      figures.flatMap((figure) => {
        const dividend = sample[figure];
        const divisor = divisors[figure];
        if (!dividend || !divisor) return [];
        return [[figure, { value: dividend.value / divisor.value, unit: "ratio" }]];
      }),
    );
  });
  return { name: `${one.name} : ${other.name}`, figures: summarise(rounds) };
}

function summarise(samples: readonly Figures[]): Figures {
  const [first = {}] = samples;
  return Object.fromEntries(
    Object.entries(first).map(([name, { unit }]) => [
      name,
      summary(
        samples.flatMap((sample) => sample[name]?.value ?? []),
        unit,
      ),
    ]),
  );
}

function summary(values: readonly number[], unit: string): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    value: quantile(sorted, 0.5),
    unit,
    quartiles: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
  };
}

/** Interpolated between the two nearest, as most statistics programs do (Hyndman and Fan's type 7). */
export function quantile(sorted: ArrayLike<number>, part: number): number {
  const position = (sorted.length - 1) * part;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? below;
  return below + (above - below) * (position % 1);
}

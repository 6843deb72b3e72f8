import type { Environment } from "./environment.ts";

/** A measured number. Of several rounds it is the median, and `quartiles` are around it. */
export interface Figure {
  readonly value: number;
  readonly unit: string;
  readonly quartiles?: readonly [number, number];
}

export type Figures = Readonly<Record<string, Figure>>;

/** What was measured, and its figures by name. */
export interface Row {
  readonly name: string;
  readonly figures: Figures;
}

/** A module `bench/<name>.ts`, listed in `run.ts`. */
export interface Benchmark {
  readonly name: string;
  /** One line: what is measured, and how much of it at a time. */
  readonly description: string;
  /** The environment is this benchmark's alone, and is taken down after it. */
  run(environment: Environment): Promise<Row[]>;
}

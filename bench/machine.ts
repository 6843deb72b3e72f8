import { availableParallelism, cpus } from "node:os";
import type { Environment } from "./environment.ts";

/** On what something was measured. Nothing of it says whose machine it was. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
  readonly bun: string;
  readonly postgres: string;
  readonly redis: boolean;
}

export function describeMachine({ postgresVersion, redis }: Environment): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    system: `${process.platform} ${process.arch}`,
    bun: Bun.version,
    postgres: postgresVersion,
    redis,
  };
}

import { type BcryptLoad, bcryptLanes } from "./bcrypt.ts";
import { type Bounds, closedLoop, type LoadReport, type Send } from "./closed-loop.ts";
import { type GrpcLoad, grpcLanes } from "./grpc.ts";
import { type HttpLoad, httpLanes } from "./http.ts";
import { type SqlLoad, sqlLanes } from "./sql.ts";

/** What to send, on how many lanes, for how long. */
export interface Job {
  readonly load: HttpLoad | GrpcLoad | SqlLoad | BcryptLoad;
  readonly concurrency: number;
  readonly bounds: Bounds;
}

export type Outcome = { readonly report: LoadReport } | { readonly fault: string };

export interface Lanes {
  readonly lanes: readonly Send[];
  close(): Promise<void>;
}

/** Connections are opened before the clock starts, and closed after it. */
async function run({ load, concurrency, bounds }: Job): Promise<LoadReport> {
  const { lanes, close } = await openLanes(load, concurrency);
  try {
    return await closedLoop(lanes, bounds);
  } finally {
    await close();
  }
}

function openLanes(load: Job["load"], concurrency: number): Promise<Lanes> {
  switch (load.kind) {
    case "http":
      return httpLanes(load, concurrency);
    case "grpc":
      return grpcLanes(load, concurrency);
    case "sql":
      return sqlLanes(load, concurrency);
    case "bcrypt":
      return bcryptLanes(load, concurrency);
  }
}

if (import.meta.main) {
  const answer = (outcome: Outcome): void => {
    process.send?.(outcome);
  };
  process.on("message", (job: Job) => {
    run(job).then(
      (report) => answer({ report }),
      (error: unknown) => answer({ fault: String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
}

import { availableParallelism } from "node:os";
import { unavailable } from "@crm/platform/errors";
import { BulkheadRejectedError, bulkhead } from "cockatiel";
import { bcryptHash, bcryptMatches } from "./bcrypt-threads.ts";

/** A stored hash above this cost would take minutes, or hang. */
const MAX_COST = 15;
/** Waiting longer than for these few seconds' work helps nobody. */
const MAX_WAITING = 200;

/** Hashes and checks passwords with bcrypt, off the event loop. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /**
   * Whether the password is the one that was hashed. "No" takes the same work if there is no hash, or
   * one of a lower cost, so that nobody learns from the time which users exist. Throws `unavailable`
   * if too many wait.
   */
  verify(password: string, hash: string | null): Promise<boolean>;
  /** Whether a hash is of a lower cost than hashes are made with now. */
  isOutdated(hash: string): boolean;
}

/** At most one hash a core runs at once: more would only slow each other and all else. */
export async function passwords(cost: number): Promise<Passwords> {
  const limit = bulkhead(availableParallelism(), MAX_WAITING);
  const run = <T>(work: () => Promise<T>): Promise<T> =>
    limit.execute(work).catch((error: unknown) => {
      throw error instanceof BulkheadRejectedError ? unavailable("Signing in", error, 5) : error;
    });
  const nobodys = await bcryptHash(Bun.randomUUIDv7(), cost);

  return {
    hash: (password) => run(() => bcryptHash(password, cost)),
    verify: (password, stored) =>
      run(async () => {
        const usable = stored !== null && costOf(stored) <= MAX_COST;
        const compared = usable ? stored : nobodys;
        if (await bcryptMatches(password, compared)) return usable;
        // Each cost is twice the work of the one below: 2^c + (2^c + … + 2^(cost-1)) = 2^cost.
        for (let missing = costOf(compared); missing < cost; missing++) {
          await bcryptHash(password, missing);
        }
        return false;
      }),
    isOutdated: (stored) => costOf(stored) < cost,
  };
}

function costOf(hash: string): number {
  return Number(/^\$2[aby]\$(\d{2})\$/.exec(hash)?.[1] ?? Number.POSITIVE_INFINITY);
}

import pg from "pg";

type Connected = Parameters<pg.Pool["connect"]>[0];

/**
 * Connections for graphile-worker, which releases one twice that is lost while it begins to listen on it, and
 * ends. A pool makes an error of that which nobody could catch, so that the process would end.
 */
export class JobPool extends pg.Pool {
  override connect(): Promise<pg.PoolClient>;
  override connect(connected: Connected): void;
  override connect(connected?: Connected): Promise<pg.PoolClient> | undefined {
    if (connected === undefined) return super.connect();
    super.connect((error, client, release) => {
      // Nothing to release; a pool that has ended gives no way to, either.
      if (client === undefined) return connected(error, client, release);
      let released = false;
      connected(error, client, (reason?: Error | boolean) => {
        if (!released) release(reason);
        released = true;
      });
    });
    return undefined;
  }
}

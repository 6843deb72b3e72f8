import { expect, test } from "bun:test";
import { testDatabase } from "../tools/testing/database.ts";
import { JobPool } from "./job-pool.ts";

test("a connection that is released twice is there for the next, once", async () => {
  const database = await testDatabase();
  const pool = new JobPool({ connectionString: database.appUrl, max: 1 });
  const { promise: released, resolve, reject } = Promise.withResolvers<void>();
  pool.connect((error, _client, release) => {
    try {
      release();
      release();
      resolve();
    } catch (thrown) {
      reject(error ?? thrown);
    }
  });
  await released;
  expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 });
  await pool.end();
  // As graphile-worker asks that has meant to try again.
  const { promise: refused, resolve: tell } = Promise.withResolvers<unknown>();
  pool.connect((error, _client, release?: () => void) => {
    release?.();
    tell(error);
  });
  expect(await refused).toBeInstanceOf(Error);
  await database.drop();
});

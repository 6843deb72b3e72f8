import { randomBytes } from "node:crypto";
import { copyDatabase, type DatabaseUrls, withClient } from "../local/database.ts";
import { startTestServer } from "./server.ts";

/** A migrated and empty database for one test file. */
export interface TestDatabase extends DatabaseUrls {
  /** URL of the role that made it, for what neither owner nor application may do. */
  readonly adminUrl: string;
  /** Drops it, whoever is still connected. To be called in `afterAll`. */
  drop(): Promise<void>;
}

type Server = DatabaseUrls & { readonly adminUrl: string };
let server: Promise<Server> | undefined;

/**
 * Makes a copy of the migrated database (some 50 ms). It is on the server that `tools/test.ts` has
 * started, or else, when a file is run by itself, on one that is started now (two seconds) and ends with
 * the process.
 */
export async function testDatabase(): Promise<TestDatabase> {
  server ??= findServer();
  const { adminUrl, ownerUrl, appUrl } = await server;
  const template = new URL(appUrl).pathname.slice(1);
  const name = `${template}_${randomBytes(4).toString("hex")}`;
  const named = (url: string): string => url.replace(`/${template}`, `/${name}`);
  await withClient(adminUrl, (admin) => copyDatabase(admin, name, template));
  return {
    adminUrl,
    ownerUrl: named(ownerUrl),
    appUrl: named(appUrl),
    drop: () =>
      withClient(adminUrl, async (admin) => {
        await admin.query(`DROP DATABASE ${admin.escapeIdentifier(name)} WITH (FORCE)`);
      }),
  };
}

async function findServer(): Promise<Server> {
  const { TEST_ADMIN_URL, TEST_OWNER_URL, TEST_APP_URL } = process.env;
  if (TEST_ADMIN_URL && TEST_OWNER_URL && TEST_APP_URL) {
    return { adminUrl: TEST_ADMIN_URL, ownerUrl: TEST_OWNER_URL, appUrl: TEST_APP_URL };
  }
  return startTestServer();
}

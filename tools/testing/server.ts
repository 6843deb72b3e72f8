import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dataDirectory } from "../local/data-directory.ts";
import {
  type DatabaseUrls,
  migrateDatabase,
  prepareDatabase,
  withClient,
} from "../local/database.ts";
import { startPostgres } from "../local/postgres.ts";
import { deleteCluster } from "../local/postgres-home.ts";
import { runAtOurEnd } from "../local/process.ts";
import { keepSecrets, newPassword } from "../local/secrets.ts";

/** A PostgreSQL server with a migrated database that each test file gets a copy of. */
export interface TestServer extends DatabaseUrls {
  /** URL of a role that may create databases. `ownerUrl` and `appUrl` are the template's. */
  readonly adminUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts a server in a directory of its own that ends with `stop`, or else with this process.
 * With `DATABASE_URL` set, that server is used, and `stop` drops the databases that were made there.
 */
export async function startTestServer(): Promise<TestServer> {
  const { DATABASE_URL } = process.env;
  const template = `crm_test_${randomBytes(4).toString("hex")}`;
  if (DATABASE_URL) {
    // Roles belong to the whole server, so they keep the passwords that `npm start` gave them.
    const secrets = await keepSecrets(join(dataDirectory(), "keys"));
    const urls = await prepareDatabase(DATABASE_URL, template, secrets);
    await migrateDatabase(urls.ownerUrl);
    return { adminUrl: DATABASE_URL, ...urls, stop: () => dropAll(DATABASE_URL, template) };
  }

  const directory = await mkdtemp(join(tmpdir(), "crm-test-"));
  const cluster = join(directory, "postgres");
  // Registered first, so it runs after the server's end.
  const takeBack = runAtOurEnd(`rm -rf "$(readlink -f '${cluster}')" '${directory}'`);
  const { adminUrl, stop } = await startPostgres({
    directory: cluster,
    log: join(directory, "postgres.log"),
    durable: false,
  });
  const passwords = { ownerPassword: newPassword(), appPassword: newPassword() };
  const urls = await prepareDatabase(adminUrl, template, passwords);
  await migrateDatabase(urls.ownerUrl);
  return {
    adminUrl,
    ...urls,
    async stop() {
      await stop();
      await deleteCluster(cluster);
      await rm(directory, { recursive: true });
      takeBack();
    },
  };
}

async function dropAll(adminUrl: string, template: string): Promise<void> {
  await withClient(adminUrl, async (admin) => {
    const { rows } = await admin.query<{ name: string }>(
      "SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)",
      [template],
    );
    for (const { name } of rows) {
      await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(name)} WITH (FORCE)`);
    }
  });
}

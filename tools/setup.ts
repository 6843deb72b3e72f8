import { chmod, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { migrateDatabase, prepareDatabase } from "./local/database.ts";
import { Fault } from "./local/fault.ts";
import { keepSecrets } from "./local/secrets.ts";
import { say } from "./local/terminal.ts";

const USAGE = `ADMIN_DATABASE_URL=postgres://… SECRETS_DIR=… bun tools/setup.ts

Makes the roles crm_owner and crm_app and the database crm, if they are not there, brings both
schemas up to date, and keeps in SECRETS_DIR what the services read from files:
app.url (DATABASE_URL_FILE), cursor.secret (CURSOR_SECRET_FILE), encryption.secret
(ENCRYPTION_SECRET_FILE), token-signing.pem (JWT_SIGNING_KEY_FILE), token-accepted.pem
(JWT_ACCEPTED_KEYS_FILE; see docs/key-rotation.md). May be run again at any time.`;

/** Prepares a server for the services, where no launcher does: compose, for one. */
async function main(): Promise<void> {
  const { ADMIN_DATABASE_URL, SECRETS_DIR } = process.env;
  if (!ADMIN_DATABASE_URL || !SECRETS_DIR) throw new Fault(USAGE);
  const directory = resolve(SECRETS_DIR);
  const secrets = await keepSecrets(directory);
  const { ownerUrl, appUrl } = await prepareDatabase(ADMIN_DATABASE_URL, "crm", secrets);
  const file = join(directory, "app.url");
  await writeFile(file, appUrl, { mode: 0o600 });
  await chmod(file, 0o600);
  const applied = await migrateDatabase(ownerUrl);
  say(applied.length === 0 ? "Nothing to migrate." : `Applied ${applied.join(", ")}.`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  say(error.message);
  process.exitCode = 1;
}

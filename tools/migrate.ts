import { ConfigFault, EX_CONFIG, integer, readConfig, url, variable } from "@crm/platform/config";
import { EX_UNAVAILABLE } from "@crm/platform/service";
import { z } from "zod";
import { migrateDatabase, withClient } from "./local/database.ts";
import { Fault } from "./local/fault.ts";
import { say } from "./local/terminal.ts";

const RETRY_MS = 500;

/** The variables that `migrate` reads. */
export const migrateConfig = z.object({
  DATABASE_URL: variable(url("postgres:", "postgresql:"), {
    description: "PostgreSQL, as the role `crm_owner`, which owns and migrates and never serves.",
    secret: true,
  }),
  DB_WAIT_SECONDS: variable(integer(0, 3_600).prefault("30"), {
    description: "How long PostgreSQL is waited for.",
    unit: "seconds",
  }),
});

/**
 * Brings both schemas and the job queue up to date, with the SQL files that it was compiled with. May
 * run again, and several at once. Exit codes: 0 up to date, 78 configuration, 69 no PostgreSQL, 1 a
 * file that failed; nothing of that run is left then.
 */
async function main(): Promise<number> {
  try {
    const config = readConfig(migrateConfig, process.env);
    if (process.argv[2] === "--check-config") return 0;
    await waitForServer(config.DATABASE_URL, config.DB_WAIT_SECONDS);
    const applied = await migrateDatabase(config.DATABASE_URL);
    say(applied.length === 0 ? "Nothing to migrate." : `Applied ${applied.join(", ")}.`);
    return 0;
  } catch (error) {
    say(`migrate: ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof ConfigFault) return EX_CONFIG;
    return error instanceof Fault ? EX_UNAVAILABLE : 1;
  }
}

async function waitForServer(ownerUrl: string, seconds: number): Promise<void> {
  for (const until = Date.now() + seconds * 1_000; ; ) {
    try {
      return await withClient(ownerUrl, async () => {});
    } catch (error) {
      if (!(error instanceof Fault) || Date.now() >= until) throw error;
      await Bun.sleep(RETRY_MS);
    }
  }
}

if (import.meta.main) process.exit(await main());

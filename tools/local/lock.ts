import { Database, SQLiteError } from "bun:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// Referred to for ever: collected as garbage, a database would give its lock back.
const held: Database[] = [];

/**
 * Takes a directory for this process alone, until it ends. Returns null when that succeeded, else
 * the id of the process that has it.
 *
 * SQLite's lock is the kernel's, so it goes with its process; a mere file with a process id would
 * still be there after a SIGKILL.
 */
export function lockDirectory(directory: string): string | null {
  const holder = join(directory, "launcher.pid");
  const database = new Database(join(directory, "launcher.lock"));
  try {
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!(error instanceof SQLiteError && error.code === "SQLITE_BUSY")) throw error;
    return readFileSync(holder, "utf8");
  }
  held.push(database);
  writeFileSync(holder, String(process.pid));
  return null;
}

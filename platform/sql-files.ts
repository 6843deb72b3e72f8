import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The text of each numbered file, by the file's name without the ending. */
export type SqlFiles = Readonly<Record<string, string>>;

/**
 * The files of a folder below `sql/`, in order. To be imported `with { type: "macro" }`: it then runs
 * when its importer is compiled, so that an executable has the files inside.
 */
export function sqlFiles(folder: string): SqlFiles {
  const directory = join(import.meta.dir, "../sql", folder);
  return Object.fromEntries(
    readdirSync(directory)
      .filter((name) => name.endsWith(".sql"))
      .sort()
      .map((name) => [name.replace(/\.sql$/, ""), readFileSync(join(directory, name), "utf8")]),
  );
}

/** The text of one file of `sql/`. A macro too. */
export function sqlFile(name: string): string {
  return readFileSync(join(import.meta.dir, "../sql", name), "utf8");
}

/** The names alone of the files of a folder. A macro too. */
export function sqlFileNames(folder: string): string[] {
  return Object.keys(sqlFiles(folder));
}

import { readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";

/** The documents of a YAML file, with merge keys. Throws at the first fault or warning. */
export async function documentsOf(path: string): Promise<unknown[]> {
  const documents = parseAllDocuments(await readFile(path, "utf8"), { merge: true });
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    const [fault] = [...document.errors, ...document.warnings];
    if (fault) throw new Error(`${path}: ${fault.message}`);
    // A copy for each alias, as what is made of them is changed.
    return JSON.parse(JSON.stringify(document)) as unknown;
  });
}

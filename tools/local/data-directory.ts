import { join, resolve } from "node:path";

const REPOSITORY = join(import.meta.dir, "../..");

/** Where this clone keeps everything that is not source: `DATA_DIR`, or `.data` in the clone. */
export function dataDirectory(): string {
  const { DATA_DIR } = process.env;
  return resolve(REPOSITORY, DATA_DIR || ".data");
}

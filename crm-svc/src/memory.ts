// By itself garbage is collected only when it is as much as all the rest: what is in use for a moment
// whenever young objects are collected counts as old from then on, though it is of no use soon after. To
// collect all of it stops the process for some 25 ms.

/** With more bytes than these, the process is larger than what it does in the background needs. */
const LARGE_BYTES = 192 << 20;
/** The most that is spent on it of the time that passes: less than one request in twenty meets it. */
const MOST_OF_TIME = 0.02;
/** While a file arrives, which takes less time and leaves more behind: with 0.02, of 500,000 rows 299 MiB. */
export const MOST_OF_UPLOAD = 0.05;
/**
 * In UTF-16 units: some 7,500 contacts. An export has 115 MiB then, at some 15,000 rows a second where it
 * has 142 MiB and 20,000 with 8 MiB (100,000 rows, on a busy machine).
 */
const UNITS_BETWEEN = 2 << 20;

// When the process last collected because it was large, and for how long.
let ended = 0;
let took = 0;
// At the first time it collects at once what starting has left.
let passed = UNITS_BETWEEN;

/** Collects what rows that were worked on have left behind, if the process has become large. */
export function collectWhenLarge(mostOfTime = MOST_OF_TIME): void {
  const began = performance.now();
  if (began < ended + took / mostOfTime || process.memoryUsage.rss() < LARGE_BYTES) return;
  Bun.gc(true);
  ended = performance.now();
  took = ended - began;
}

/** Collects what text that has passed through has left behind, whenever that is some megabytes. */
export function collectBehind(length: number): void {
  passed += length;
  if (passed < UNITS_BETWEEN) return;
  passed = 0;
  Bun.gc(true);
}

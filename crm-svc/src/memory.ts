// By itself garbage is collected only when it is as much as all the rest: what is in use for a moment
// whenever young objects are collected counts as old from then on, though it is of no use soon after. To
// collect all of it stops the process for some 25 ms.

/** With more bytes than these, the process is larger than what it does in the background needs. */
const MUCH = 192 << 20;
/** Of the time that passes, the most that is spent on it. */
const MOST = 0.03;
/**
 * In UTF-16 units: some 7,500 contacts. An export has 115 MiB then, at some 15,000 rows a second where it
 * has 142 MiB and 20,000 with 8 MiB (100,000 rows, on a busy machine).
 */
const OFTEN = 2 << 20;

let notBefore = 0;
// At the first time it collects at once what starting has left.
let passed = OFTEN;

/** Collects what rows that were worked on have left behind, if the process has become large. */
export function collectWhenLarge(): void {
  const began = performance.now();
  if (began < notBefore || process.memoryUsage.rss() < MUCH) return;
  Bun.gc(true);
  const ended = performance.now();
  notBefore = ended + (ended - began) / MOST;
}

/** Collects what text that has passed through has left behind, whenever that is some megabytes. */
export function collectBehind(length: number): void {
  passed += length;
  if (passed < OFTEN) return;
  passed = 0;
  Bun.gc(true);
}

/** With more bytes than these, the process is larger than what it does in the background needs. */
const MUCH = 192 << 20;
/** Of the time that passes, the most that is spent on it: it stops the process for some 25 ms. */
const MOST = 0.1;

let notBefore = 0;

/**
 * Collects what rows that have gone through left behind, if the process has more than so many bytes. By
 * itself that is collected only when it is as much as all the rest: what is in use for a moment whenever
 * young objects are collected counts as old, though it is of no use soon after.
 */
export function collectGarbage(above = MUCH): void {
  const began = performance.now();
  if (began < notBefore || process.memoryUsage.rss() < above) return;
  Bun.gc(true);
  const ended = performance.now();
  notBefore = ended + (ended - began) / MOST;
}

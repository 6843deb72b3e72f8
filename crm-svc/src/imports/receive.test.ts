import { expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import { readRecords } from "../csv/read.ts";
import { BATCH_ROWS, inStages } from "./receive.ts";

const ROWS = 20_000;

/** All of it at once, as the kernel may hand over what a fast client has sent. */
async function* atOnce(file: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(file);
}

test("while rows that have arrived are read, others get their turn", async () => {
  let turns = 0;
  let reading = true;
  const others = (async () => {
    for (; reading; turns++) await setImmediate();
  })();
  let rows = 0;
  const file = `E-mail\n${"ada@x.example\n".repeat(ROWS)}`;
  for await (const staged of inStages(readRecords(atOnce(file)))) rows += staged.rows;
  reading = false;
  await others;
  expect(rows).toBe(ROWS + 1);
  expect(turns).toBeGreaterThanOrEqual(ROWS / BATCH_ROWS);
});

test("a batch counts its cells, too, so that it stays near a megabyte", async () => {
  // 900,000 units of text, which alone would be one batch.
  const row = `${"123456789,".repeat(1_000).slice(0, -1)}\n`;
  const lengths: number[] = [];
  for await (const { batches } of inStages(readRecords(atOnce(row.repeat(100))))) {
    lengths.push(...batches.map((batch) => batch.length));
  }
  expect(Math.max(...lengths)).toBeLessThan((1 << 20) + 2 * row.length);
  expect(lengths.length).toBe(2);
});

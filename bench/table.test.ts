import { expect, test } from "bun:test";
import { renderTables } from "./table.ts";

test("figures of one unit stand below each other, and ratios in a table of their own", () => {
  const text = renderTables([
    {
      name: "fast",
      figures: { rate: { value: 12345.6, unit: "1/s" }, p50: { value: 0.4567, unit: "ms" } },
    },
    { name: "slow", figures: { rate: { value: 99.96, unit: "1/s", quartiles: [1, 2] } } },
    { name: "slow : fast", figures: { rate: { value: 0.0081, unit: "ratio", quartiles: [0, 1] } } },
  ]);
  expect(text).toBe(
    [
      "       rate 1/s   p50 ms",
      "fast      12346    0.457",
      "slow      100.0        –",
      "",
      "                        rate",
      "slow : fast   0.008 (0–1.00)",
    ].join("\n"),
  );
});

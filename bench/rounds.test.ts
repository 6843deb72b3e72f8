import { expect, test } from "bun:test";
import { contender, medians, quantile, ratios, runRounds } from "./rounds.ts";

function counting(name: string, values: readonly number[], order: string[]) {
  const left = values.values();
  return contender(name, async () => {
    order.push(name);
    return { time: { value: left.next().value ?? 0, unit: "ms" } };
  });
}

test("contenders take turns, and the first round does not count", async () => {
  const order: string[] = [];
  const a = counting("a", [99, 1, 2, 3], order);
  const b = counting("b", [99, 4, 5, 6], order);
  await runRounds(3, [a, b]);
  expect(order.join("")).toBe("abababab");
  expect(medians(a)).toEqual({
    name: "a",
    figures: { time: { value: 2, unit: "ms", quartiles: [1.5, 2.5] } },
  });
});

test("a ratio is formed within its round", async () => {
  // The machine is ten times slower in the second round, for both.
  const a = counting("a", [0, 2, 30, 2], []);
  const b = counting("b", [0, 1, 10, 2], []);
  await runRounds(3, [a, b]);
  const { name, figures } = ratios(a, b, ["time", "no such figure"]);
  expect(name).toBe("a : b");
  expect(figures).toEqual({ time: { value: 2, unit: "ratio", quartiles: [1.5, 2.5] } });
});

test("a quantile lies between its neighbours", () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
  expect(quantile([7], 0.99)).toBe(7);
  expect(quantile([], 0.5)).toBeNaN();
});

import { expect, test } from "bun:test";
import { derived } from "./derived.ts";

test("it is made once for each object, even if nothing comes of it", () => {
  const asked: object[] = [];
  const first = derived((list: readonly number[]) => {
    asked.push(list);
    return list[0];
  });
  const [full, same, empty]: readonly (readonly number[])[] = [[1], [1], []];
  expect([full, full, same, empty, empty].map((list = []) => first(list))).toEqual([
    1,
    1,
    1,
    undefined,
    undefined,
  ]);
  expect(asked).toHaveLength(3);
});

import { expect, test } from "bun:test";
import { changedFields } from "./audit.ts";

test("of a change, only the fields that differ are kept, as they were and are", () => {
  const before = { name: "A", tags: ["x"], country: null as string | null, version: 1 };
  const after = { name: "A", tags: ["x", "y"], country: "DE", version: 1 };
  expect(changedFields(before, after)).toEqual({
    before: { tags: ["x"], country: null },
    after: { tags: ["x", "y"], country: "DE" },
  });
});

test("equal values are no change, whatever objects they are", () => {
  expect(changedFields({ tags: ["x"] }, { tags: ["x"] })).toBeNull();
});

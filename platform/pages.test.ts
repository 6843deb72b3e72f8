import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Failure } from "./errors.ts";
import { cursors, cutPage } from "./pages.ts";

const position = z.tuple([z.number(), z.string()]);
const { seal, open } = cursors("a secret of the service, known to it alone");
const list = ["contacts.search", "tenant-1", ["smith"]];

function codeOf(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    return error instanceof Failure ? error.code : String(error);
  }
}

describe("a cursor", () => {
  const cursor = seal(list, [0.607_927, "id-1"]);

  test("gives its position back", () => {
    expect(open(list, cursor, position)).toEqual([0.607_927, "id-1"]);
    expect(open(list, undefined, position)).toBeUndefined();
  });

  test("is good for its own list only", () => {
    const others = [
      ["contacts.list", "tenant-1", ["smith"]],
      ["contacts.search", "tenant-2", ["smith"]],
      ["contacts.search", "tenant-1", ["jones"]],
    ];
    for (const other of others) {
      expect(codeOf(() => open(other, cursor, position))).toBe("invalid_cursor");
    }
  });

  test("is good for its own service only", () => {
    const elsewhere = cursors("another secret of another service");
    expect(codeOf(() => elsewhere.open(list, cursor, position))).toBe("invalid_cursor");
  });

  test("is refused with any byte changed, cut off or made up", () => {
    const bytes = Buffer.from(cursor, "base64url");
    for (let at = 0; at < bytes.length; at++) {
      const forged = Buffer.from(bytes);
      forged[at] = (forged[at] ?? 0) ^ 1;
      expect(codeOf(() => open(list, forged.toString("base64url"), position))).toBe(
        "invalid_cursor",
      );
    }
    for (const made of ["", "x", "AAAA", cursor.slice(0, -2), "%00", "ü".repeat(40)]) {
      expect(codeOf(() => open(list, made, position))).toBe("invalid_cursor");
    }
  });
});

describe("cutPage", () => {
  const after = (last: number): string => `after ${last}`;

  test("tells whether there is more by the one row too many", () => {
    expect(cutPage([1, 2, 3], 2, after)).toEqual({ items: [1, 2], nextCursor: "after 2" });
    expect(cutPage([1, 2], 2, after)).toEqual({ items: [1, 2], nextCursor: null });
    expect(cutPage([], 2, after)).toEqual({ items: [], nextCursor: null });
  });
});

import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { malformed } from "./errors.ts";
import { text, wholeNumber } from "./input.ts";

export const DEFAULT_PAGE = 25;
export const MAX_PAGE = 100;

/** The two inputs of every list. */
export const pageInput = {
  limit: wholeNumber(1, MAX_PAGE).default(DEFAULT_PAGE),
  cursor: text(1_000).optional(),
};

/** A page of a list; `nextCursor` is null on the last one. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() });
}

const MAC_BYTES = 16;

/** Makes and reads cursors: opaque to clients, and refused if anything but a list made them. */
export interface Cursors {
  /**
   * The page after a position. `list` names the list, its tenant and filters: a cursor is good for
   * that list alone. `position` is the sort key of the page's last row.
   */
  seal(list: readonly unknown[], position: readonly (string | number)[]): string;
  /** Throws `malformed` unless `seal` made the cursor for this very list. */
  open<Position>(
    list: readonly unknown[],
    cursor: string | undefined,
    position: z.ZodType<Position>,
  ): Position | undefined;
}

export function cursors(secret: string): Cursors {
  const mac = (list: readonly unknown[], payload: Buffer): Buffer =>
    createHmac("sha256", secret)
      .update(JSON.stringify(list))
      .update("\0")
      .update(payload)
      .digest()
      .subarray(0, MAC_BYTES);

  return {
    seal(list, position) {
      const payload = Buffer.from(JSON.stringify(position));
      return Buffer.concat([mac(list, payload), payload]).toString("base64url");
    },
    open(list, cursor, position) {
      if (cursor === undefined) return undefined;
      const bytes = Buffer.from(cursor, "base64url");
      const payload = bytes.subarray(MAC_BYTES);
      const genuine =
        bytes.length > MAC_BYTES &&
        timingSafeEqual(bytes.subarray(0, MAC_BYTES), mac(list, payload));
      if (!genuine) {
        const message = "was not made by this list with these filters: start without a cursor";
        throw malformed("invalid_cursor", `cursor: ${message}`, [
          { path: "cursor", code: "invalid_cursor", message },
        ]);
      }
      return position.parse(JSON.parse(payload.toString()));
    },
  };
}

/**
 * Cuts a page out of rows of which one more than `limit` was asked for: that one tells whether
 * there is a next page.
 */
export function cutPage<Row>(
  rows: readonly Row[],
  limit: number,
  cursorAfter: (last: Row) => string,
): { items: Row[]; nextCursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? cursorAfter(last) : null };
}

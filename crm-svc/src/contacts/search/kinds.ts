import type { Typed } from "./typed.rules.ts";

/** What somebody may type to find a contact. */
export const SEARCH_KINDS = ["words", "email", "phone"] as const;

export function searchKind({ email, phone }: Typed): (typeof SEARCH_KINDS)[number] {
  if (email !== null) return "email";
  return phone === null ? "words" : "phone";
}

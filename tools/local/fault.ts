/**
 * Something that the person at the terminal can put right. It is shown as its message alone, which
 * therefore says what is wrong and what to do next.
 */
export class Fault extends Error {}

/** What an unknown error says of itself; for one of the operating system's, its code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // An attempt at several addresses fails with an AggregateError, whose own message is empty.
  return error.message || ("code" in error ? String(error.code) : error.name);
}

import type { Claim } from "./page.ts";

const ANYTHING = "…";

/** Whether it is what a page claims to be shown. */
export function holds(claim: Claim, shown: string): boolean {
  if (claim.as === "text") return textFits(claim.content, shown);
  try {
    return valueFits(JSON.parse(claim.content), JSON.parse(shown));
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Line by line; `…` stands for any part of a line, alone on a line for any lines. */
function textFits(claimed: string, shown: string): boolean {
  const pattern = claimed
    .trim()
    .split("\n")
    .map((line) => (line.trim() === ANYTHING ? "[^]*" : parts(line.trimEnd(), ".*")))
    .join("\\n");
  const lines = shown.trim().split("\n");
  return new RegExp(`^${pattern}$`).test(lines.map((line) => line.trimEnd()).join("\n"));
}

/**
 * What is claimed must be there. An object may have more members; a list only if `"…"` is the last of
 * it. In a string, `…` stands for any characters; `"…"` for any value.
 */
function valueFits(claimed: unknown, shown: unknown): boolean {
  if (claimed === ANYTHING) return true;
  if (typeof claimed === "string") {
    return typeof shown === "string" && new RegExp(`^${parts(claimed, "[^]*")}$`).test(shown);
  }
  if (Array.isArray(claimed)) {
    if (!Array.isArray(shown)) return false;
    const open = claimed.at(-1) === ANYTHING;
    const items = open ? claimed.slice(0, -1) : claimed;
    if (open ? shown.length < items.length : shown.length !== items.length) return false;
    return items.every((item, index) => valueFits(item, shown[index]));
  }
  if (typeof claimed === "object" && claimed !== null) {
    if (typeof shown !== "object" || shown === null || Array.isArray(shown)) return false;
    const members = new Map(Object.entries(shown));
    return Object.entries(claimed).every(
      ([name, value]) => members.has(name) && valueFits(value, members.get(name)),
    );
  }
  return claimed === shown;
}

function parts(text: string, anything: string): string {
  return text.split(ANYTHING).map(RegExp.escape).join(anything);
}

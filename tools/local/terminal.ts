import { styleText } from "node:util";

const interactive = process.stdout.isTTY === true;
const NAME_WIDTH = 14;
const DETAIL_WIDTH = 56;

/** Writes a line. */
export function say(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** Text in one of the terminal's styles; plain where the output is no terminal. */
export function styled(style: "bold" | "dim" | "green" | "red" | "yellow", text: string): string {
  return interactive ? styleText(style, text) : text;
}

/**
 * Does one step of a longer work, and writes a line that names it, tells its result and the seconds
 * that it took. A step that throws writes nothing: what it throws is told at the end.
 */
export async function step<T>(
  name: string,
  run: () => Promise<T>,
  tell: (result: T) => string,
): Promise<T> {
  const since = performance.now();
  const label = name.padEnd(NAME_WIDTH);
  if (interactive) process.stdout.write(`  ${styled("dim", `${label}…`)}`);
  try {
    const result = await run();
    const seconds = `${((performance.now() - since) / 1_000).toFixed(2)} s`.padStart(8);
    if (interactive) process.stdout.write("\r\x1b[K");
    say(`  ${label}${tell(result).padEnd(DETAIL_WIDTH)}${styled("dim", seconds)}`);
    return result;
  } catch (error) {
    if (interactive) process.stdout.write("\r\x1b[K");
    throw error;
  }
}

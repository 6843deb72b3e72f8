import { readFile } from "node:fs/promises";

/** A line of a Dockerfile: `RUN`, and what is to be run. */
export interface Instruction {
  readonly name: string;
  readonly argument: string;
}

/** The stages of a Dockerfile, each with its `FROM`. Continued lines and heredocs throw. */
export async function stagesOf(path: string): Promise<Instruction[][]> {
  const stages: Instruction[][] = [];
  for (const line of (await readFile(path, "utf8")).split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, argument] = /^([A-Z]+) (.*[^\\])$/.exec(line) ?? [];
    if (!name || !argument || argument.includes("<<")) throw new Error(`${path}: ${line}`);
    if (name === "FROM") stages.push([]);
    const stage = stages.at(-1);
    if (!stage) throw new Error(`${path}: ${name} before FROM`);
    stage.push({ name, argument });
  }
  return stages;
}

/** What all instructions of this name say. */
export function argumentsOf(stage: readonly Instruction[], name: string): string[] {
  return stage.filter((one) => one.name === name).map(({ argument }) => argument);
}

/**
 * Whether a file of the repository goes into a build, by the rules of a .dockerignore: the last that
 * fits it, or a folder above it, decides. Of patterns it knows names, paths, `*` and `**` before a slash.
 */
export function inContext(rules: readonly string[], file: string): boolean {
  const parts = file.split("/");
  const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  let taken = true;
  for (const rule of rules) {
    const pattern = new Bun.Glob(rule.replace(/^!/, ""));
    if (prefixes.some((prefix) => pattern.match(prefix))) taken = rule.startsWith("!");
  }
  return taken;
}

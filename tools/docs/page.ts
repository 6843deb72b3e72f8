/**
 * A page of the documentation as somebody reads it who does what it says.
 *
 * - A block of `sh` is pasted into a terminal that stays open for the whole page.
 * - A block whose first line is a comment with nothing but a file name in it is saved under that name,
 *   in the folder where the terminal is then.
 * - A block of `json` or `text` that comes next is what the terminal shows for it; or what a browser
 *   shows, if `<http://localhost…>` was named in between.
 * - A block of `console` needs what is not everywhere, such as a cluster; it is read only.
 */
export interface Page {
  readonly sections: readonly Section[];
}

/** What stands below a heading of the second level; what stands before the first has the page's name. */
export interface Section {
  readonly title: string;
  readonly steps: readonly Step[];
}

export type Step = Paste | Save | Visit;

export interface Paste {
  readonly does: "paste";
  readonly line: number;
  readonly code: string;
  readonly claim?: Claim;
}

export interface Save {
  readonly does: "save";
  readonly line: number;
  readonly name: string;
  readonly content: string;
}

export interface Visit {
  readonly does: "visit";
  readonly line: number;
  readonly url: string;
  readonly claim: Claim;
}

/** What is said to be shown. A `…` stands for whatever it may be. */
export interface Claim {
  readonly as: "json" | "text";
  readonly content: string;
}

const FENCE = /^```(\S*)/;
const HEADING = /^(#{1,2}) (.*)$/;
const ADDRESS = /<(http:\/\/localhost[^>]*)>/;
const FILE_NAME = /^(?:#|\/\/|<!--) ([\w./-]+\.\w+)(?: -->)?$/;

/** Throws if a fence is not closed. */
export function readPage(markdown: string): Page {
  const lines = markdown.split("\n");
  const sections: { title: string; steps: Step[] }[] = [];
  let address: string | undefined;
  for (let at = 0; at < lines.length; at++) {
    const text = lines[at] ?? "";
    const [, , title] = HEADING.exec(text) ?? [];
    if (title !== undefined) sections.push({ title, steps: [] });
    address = ADDRESS.exec(text)?.[1] ?? address;
    const language = FENCE.exec(text)?.[1];
    if (language === undefined) continue;

    const line = at + 1;
    const end = lines.findIndex((other, index) => index > at && other === "```");
    if (end < 0) throw new Error(`line ${line}: the block has no end`);
    const content = lines.slice(line, end).join("\n");
    at = end;
    const steps = sections.at(-1)?.steps;
    if (steps === undefined) throw new Error(`line ${line}: the page has no title`);
    const [, name] = FILE_NAME.exec(lines[line] ?? "") ?? [];
    const last = steps.at(-1);
    if (language === "sh") steps.push({ does: "paste", line, code: content });
    else if (name !== undefined) steps.push({ does: "save", line, name, content });
    else if (language === "json" || language === "text") {
      const claim = { as: language, content } as const;
      if (address !== undefined) steps.push({ does: "visit", line, url: address, claim });
      else if (last?.does === "paste" && last.claim === undefined) {
        steps[steps.length - 1] = { ...last, claim };
      }
    }
    address = undefined;
  }
  return { sections };
}

/** The commands of a text for a shell, each with its arguments on one line. */
export function commandsOf(code: string): string[] {
  return code
    .replaceAll(/\s*\\\n\s*/g, " ")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

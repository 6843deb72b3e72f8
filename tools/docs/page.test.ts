import { expect, test } from "bun:test";
import { commandsOf, readPage } from "./page.ts";

const block = (language: string, ...lines: string[]) =>
  [`\`\`\`${language}`, ...lines, "```"].join("\n");

function stepsOf(...parts: string[]) {
  return readPage(["# A page", ...parts].join("\n\n")).sections.flatMap(({ steps }) => steps);
}

test("what is pasted, saved and shown follows from the blocks", () => {
  const steps = stepsOf(
    block("sh", "curl -s …"),
    "It answers:",
    block("json", "{}"),
    block("python", "# peer.py", "print(1)"),
    block("html", "<!-- index.html -->", "<p>"),
    block("sh", "serve &"),
    "<http://localhost:3000/> shows:",
    block("text", "Contacts"),
  );
  expect(steps).toMatchObject([
    { does: "paste", code: "curl -s …", claim: { as: "json", content: "{}" } },
    { does: "save", name: "peer.py", content: "# peer.py\nprint(1)" },
    { does: "save", name: "index.html" },
    { does: "paste", code: "serve &" },
    { does: "visit", url: "http://localhost:3000/", claim: { as: "text", content: "Contacts" } },
  ]);
  expect(steps[3]).not.toHaveProperty("claim");
});

test("what is only to be read is no step", () => {
  const illustrations = [block("console", "$ docker compose up"), block("ts", "// not a file")];
  expect(stepsOf(...illustrations, block("json", "{}"))).toEqual([]);
});

test("what a section says is tried under its name", () => {
  const page = `# A page\n\n## One\n\n${block("sh", "true")}\n\n### Of it\n\n## Two\n`;
  expect(readPage(page).sections.map(({ title, steps }) => [title, steps.length])).toEqual([
    ["A page", 0],
    ["One", 1],
    ["Two", 0],
  ]);
});

test("a block without an end is a fault of the page", () => {
  expect(() => stepsOf("```sh\ntrue")).toThrow("line 3: the block has no end");
});

test("a command may go over several lines", () => {
  expect(commandsOf("# first\nnpm install one \\\n  two\n\ntrue")).toEqual([
    "npm install one two",
    "true",
  ]);
});

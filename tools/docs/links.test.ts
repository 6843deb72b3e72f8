import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

const REPOSITORY = join(import.meta.dir, "../..");
const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "bench/README.md",
  ...(await readdir(join(REPOSITORY, "docs"))).map((name) => `docs/${name}`),
];
const LINK = /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g;
/** What a page calls a file without leading to it. */
const PATH =
  /(?<![\w/.-])(?:infrastructure|tools|user-svc|crm-svc|platform|proto|sql|bench)\/[\w./-]*\w/g;

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.matchAll(/^#+ (.*)$/gm);
  return new Set(
    Array.from(headings, ([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

for (const page of PAGES) {
  test(`${page} leads to what there is`, async () => {
    const path = join(REPOSITORY, page);
    const markdown = await readFile(path, "utf8");
    const dead: string[] = [];
    for (const [link, target = "", anchor] of markdown.matchAll(LINK)) {
      const file = target === "" ? path : resolve(dirname(path), target);
      if (!existsSync(file)) dead.push(link);
      else if (anchor && !anchorsOf(await readFile(file, "utf8")).has(anchor)) dead.push(link);
    }
    expect(dead).toEqual([]);
  });
}

for (const page of PAGES.filter((name) => name.startsWith("docs/"))) {
  test(`${page} names files that there are`, async () => {
    const markdown = await readFile(join(REPOSITORY, page), "utf8");
    const text = markdown.replaceAll(LINK, "").replaceAll(/https?:\S+/g, "");
    const named = Array.from(text.matchAll(PATH), ([path]) => path);
    expect(named.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
  });
}

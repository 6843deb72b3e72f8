import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { seedDemo } from "../demo/seed.ts";
import { freePort } from "../local/ports.ts";
import { keepSecrets } from "../local/secrets.ts";
import { testChromium } from "../testing/chromium.ts";
import { startServices } from "../testing/services.ts";
import { openBrowser, type PageBrowser } from "./browser.ts";
import { holds } from "./claims.ts";
import { installedBy, linkPackages, makeClone } from "./clone.ts";
import {
  type Claim,
  commandsOf,
  type Paste,
  readPage,
  type Section,
  type Step,
  type Visit,
} from "./page.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

const REPOSITORY = join(import.meta.dir, "../..");
const DOCS = await readdir(join(REPOSITORY, "docs"));
const PAGES = ["README.md", ...DOCS.toSorted().map((name) => `docs/${name}`)];
/** Go compiles all that it needs when it meets it for the first time. */
const TIMEOUT_MS = 180_000;

/** What is not pasted, since it goes on here already or would take too long, and what tries it. */
const TRIED_ELSEWHERE: readonly RegExp[] = [
  /^(CORS_ORIGINS=\S+ )?npm start$/, // tools/start.test.ts
  /^npm test$/, // this
  /^npm run bench/, // whoever measures
];

const running = new AsyncDisposableStack();
afterAll(() => running.disposeAsync());

/** Ports that the pages name → those that stand in for them. */
const ports = new Map<string, number>();

beforeAll(async () => {
  const page = await freePort();
  const services = await startServices({ CORS_ORIGINS: `http://localhost:${page}` });
  running.defer(() => services.stop());
  const { userUrl, crmUrl, database } = services;
  const unfinished = join(await folder(), "unfinished");
  await seedDemo({ userUrl, crmUrl, ownerUrl: database.ownerUrl, unfinished });
  ports.set("8081", Number(new URL(userUrl).port));
  ports.set("8082", Number(new URL(crmUrl).port));
  ports.set("3000", page);
}, 60_000);

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "crm-docs-"));
  running.defer(() => rm(made, { recursive: true }));
  return made;
}

function withPorts(text: string): string {
  return text.replaceAll(/\b(8081|8082|3000)\b/g, (port) => String(ports.get(port)));
}

/** Shows both, side by side, if the claim does not hold. */
function check(shown: string, claim: Claim | undefined): void {
  if (claim === undefined) return;
  const content = withPorts(claim.content);
  if (!holds({ ...claim, content }, shown)) expect(shown).toBe(content);
}

/** The programs of Debian go first: a machine may have others, of other versions, besides. */
const PATH = [dirname(process.execPath), "/usr/bin", "/bin", process.env["PATH"]].join(delimiter);

function isTriedElsewhere(step: Step): boolean {
  if (step.does !== "paste") return false;
  return TRIED_ELSEWHERE.some((known) => known.test(step.code.trim()));
}

/** Whether all that a section needs is installed. */
function isPossible({ steps }: Section): boolean {
  return steps.every((step) => {
    if (step.does === "visit") return testChromium() !== undefined;
    if (step.does === "save") return true;
    return commandsOf(step.code).every((command) => {
      const { apt = [] } = installedBy(command) ?? {};
      return apt.every(isInstalled) && (!/\bcurl -/.test(command) || Bun.which("curl") !== null);
    });
  });
}

function isInstalled(debianPackage: string): boolean {
  if (Bun.which("dpkg-query") === null) return false;
  const query = ["dpkg-query", "--status", debianPackage];
  const { stdout } = Bun.spawnSync(query, { stderr: "ignore" });
  return stdout.includes("\nStatus: install ok installed\n");
}

for (const name of PAGES) {
  const page = readPage(await readFile(join(REPOSITORY, name), "utf8"));
  const sections = page.sections
    .map(({ title, steps }) => ({ title, steps: steps.filter((step) => !isTriedElsewhere(step)) }))
    .filter(({ steps }) => steps.length > 0);
  if (sections.length === 0) continue;

  describe(name, () => {
    let terminal: Terminal;
    let browser: PageBrowser | undefined;

    beforeAll(async () => {
      const clone = await makeClone(await folder());
      // As `npm start` would have left them.
      await keepSecrets(join(clone, ".data/keys"));
      terminal = openTerminal(clone, {
        PATH,
        HOME: process.env["HOME"] ?? clone,
        LANG: "C.UTF-8",
        // Saves a fifth of the 12 s of processor time that Go takes to compile all for the first time.
        GOGC: "off",
        // What a page does not install is not to come from somewhere else.
        npm_config_offline: "true",
        npm_config_update_notifier: "false",
      });
      running.defer(() => terminal.close());
    });

    async function paste({ code, claim }: Paste): Promise<void> {
      const installed = commandsOf(code).flatMap((command) => installedBy(command) ?? []);
      for (const { npm } of installed) {
        if (npm) await linkPackages((await terminal.paste("pwd")).trim(), npm);
      }
      if (installed.length === 0) check(await terminal.paste(withPorts(code)), claim);
    }

    async function visit({ url, claim }: Visit): Promise<void> {
      if (browser === undefined) {
        browser = await openBrowser();
        running.defer(browser.close);
      }
      check(await browser.textAt(withPorts(url), (text) => holds(claim, text)), claim);
    }

    for (const section of sections) {
      test.skipIf(!isPossible(section))(
        section.title,
        async () => {
          for (const step of section.steps) {
            if (step.does === "save") await terminal.save(step.name, withPorts(step.content));
            else if (step.does === "visit") await visit(step);
            else await paste(step);
          }
        },
        TIMEOUT_MS,
      );
    }
  });
}

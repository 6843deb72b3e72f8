import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Server } from "bun";
import type { Browser } from "playwright-core";
import { launchChromium, testChromium } from "../testing/chromium.ts";
import { startServices, type TestServices } from "../testing/services.ts";
import type { PageResult, PageTask } from "./browser-page.ts";

describe.skipIf(testChromium() === undefined)("in Chromium, a page", () => {
  const running = new AsyncDisposableStack();
  let listed: URL;
  let unlisted: URL;
  let services: TestServices;
  let browser: Browser;

  beforeAll(async () => {
    const script = await bundle("browser-page.ts");
    const serve = (): URL => {
      const server = servePage(script);
      running.defer(() => server.stop(true));
      return server.url;
    };
    [listed, unlisted] = [serve(), serve()];
    services = await startServices({ CORS_ORIGINS: listed.origin });
    running.defer(() => services.stop());
    browser = await launchChromium();
    running.defer(() => browser.close());
  }, 60_000);

  afterAll(() => running.disposeAsync());

  async function visit({ href }: URL, slug: string): Promise<Record<string, PageResult>> {
    const page = await browser.newPage();
    await page.goto(href);
    const { userUrl, crmUrl } = services;
    const task: PageTask = { userUrl, crmUrl, slug };
    return page.evaluate(`callServices(${JSON.stringify(task)})`);
  }

  const FOUND = {
    REST: ["Ada REST, changed"],
    Connect: ["Ada Connect"],
    "gRPC-Web": ["Ada gRPC-Web"],
  };

  test("of a listed origin registers, signs in, adds a contact and finds it", async () => {
    expect(await visit(listed, "listed")).toEqual(FOUND);
  });

  test("of another origin is kept from all of it", async () => {
    const results = await visit(unlisted, "unlisted");
    expect(Object.keys(results)).toEqual(Object.keys(FOUND));
    for (const result of Object.values(results)) {
      expect(result).toEqual({ failure: expect.stringContaining("Failed to fetch") });
    }
    // The browser has asked first, so nothing was done either: the slugs are still to be had.
    expect(await visit(listed, "unlisted")).toEqual(FOUND);
  });
});

async function bundle(script: string): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, script)],
    target: "browser",
  });
  const [bundled] = outputs;
  if (bundled === undefined) throw new Error(`${script} was not bundled`);
  return bundled.text();
}

/** A page with the script, on an origin of its own. */
function servePage(script: string): Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) =>
      new URL(url).pathname === "/page.js"
        ? new Response(script, { headers: { "content-type": "text/javascript" } })
        : new Response('<!doctype html><title>CRM</title><script src="/page.js"></script>', {
            headers: { "content-type": "text/html" },
          }),
  });
}

import { launchChromium } from "../testing/chromium.ts";

/** A browser in which somebody opens what a page of the documentation names. */
export interface PageBrowser {
  /** The lines that a person sees there, once they are `complete`, or have not become so in time. */
  textAt(url: string, complete: (text: string) => boolean): Promise<string>;
  close(): Promise<void>;
}

const WITHIN_MS = 20_000;
const POLL_MS = 50;

export async function openBrowser(): Promise<PageBrowser> {
  const chromium = await launchChromium();
  return {
    async textAt(url, complete) {
      const page = await chromium.newPage();
      const deadline = Date.now() + WITHIN_MS;
      // What serves it may be just about to start.
      const open = () => page.goto(url).catch(() => null);
      while ((await open()) === null && Date.now() < deadline) await Bun.sleep(POLL_MS);
      let text = "";
      do {
        await Bun.sleep(POLL_MS);
        const shown = await page.evaluate("document.body.innerText");
        text = String(shown).replaceAll(/\n+/g, "\n");
      } while (!complete(text) && Date.now() < deadline);
      return text;
    },
    close: () => chromium.close(),
  };
}

import { type Browser, chromium } from "playwright-core";

/** Path of an installed Chromium or Chrome, or undefined: then skip, with `test.skipIf`. */
export function testChromium(): string | undefined {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const path = Bun.which(name);
    if (path !== null) return path;
  }
  return undefined;
}

/** Starts it, without a window and without calls to anybody else. Throws where it is not installed. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = testChromium();
  if (executablePath === undefined) throw new Error("Chromium is not installed");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Path of an installed Chromium or Chrome, or undefined: then skip, with `test.skipIf`. */
export function testChromium(): string | undefined {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const path = Bun.which(name);
    if (path !== null) return path;
  }
  return undefined;
}

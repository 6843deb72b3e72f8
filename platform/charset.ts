import { Failure } from "./errors.ts";

/**
 * Throws `mediaType` if a `Content-Type` declares another charset than those, given by the names of their
 * encodings, such as `utf-8`.
 */
export function refuseCharset(contentType: string, charsets: readonly string[]): void {
  const label = /;\s*charset\s*=\s*"?([^";]+)/i.exec(contentType)?.[1];
  if (label === undefined || charsets.includes(encodingOf(label) ?? "")) return;
  const message = `The content must be in one of these charsets: ${charsets.join(", ")}.`;
  throw new Failure("mediaType", "unsupported_media_type", message);
}

/** The name of the encoding that a label stands for (WHATWG Encoding, section 4.2), if it is one. */
function encodingOf(label: string): string | undefined {
  try {
    // What it is given is checked by itself: it throws a RangeError.
    return new TextDecoder(label as Bun.Encoding).encoding;
  } catch {
    return undefined;
  }
}

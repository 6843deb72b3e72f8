import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { Failure } from "./errors.ts";

/** A content may pause for so long. */
const IDLE_MS = 30_000;

/** The bytes of an upload, to be read once. */
export interface UploadContent extends AsyncIterable<Uint8Array> {
  /** So many have come so far. */
  readonly bytes: number;
  /** Of all of it, in hexadecimal digits; reads to the end first what has not been read. */
  sha256(): Promise<string>;
}

/**
 * Watches over a content as it passes. Its iteration throws `tooLarge` beyond `maxBytes`, `deadline`
 * when nothing comes for 30 seconds, and `malformed` when the client hangs up before the end.
 */
export function uploadContent(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): UploadContent {
  const hash = createHash("sha256");
  let bytes = 0;
  let digest: string | undefined;

  async function* watched(): AsyncGenerator<Uint8Array, void> {
    const chunks = source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await inTime(chunks.next(), signal);
        if (done) break;
        bytes += value.length;
        if (bytes > maxBytes) {
          const message = `The content is larger than ${maxBytes} bytes: send it in several parts.`;
          throw new Failure("tooLarge", "content_too_large", message);
        }
        hash.update(value);
        yield value;
      }
      // A stream of HTTP/2 may be ended and reset at once, which says that it is not whole.
      await setImmediate();
      if (signal.aborted) throw incomplete(signal.reason);
      digest = hash.digest("hex");
    } finally {
      // Not awaited: it waits for the chunk that is being waited for.
      chunks.return?.()?.catch(() => {});
    }
  }

  const iterator = watched();
  return {
    get bytes() {
      return bytes;
    },
    [Symbol.asyncIterator]: () => iterator,
    async sha256() {
      while (digest === undefined) {
        const { done } = await iterator.next();
        if (done && digest === undefined) throw new Error("the content was not read to its end");
      }
      return digest;
    },
  };
}

async function inTime<T>(next: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const gone = () => reject(incomplete(signal.reason));
  const idle = () => {
    const message = `Nothing of the content came for ${IDLE_MS / 1_000} s: send it again.`;
    reject(new Failure("deadline", "content_stalled", message));
  };
  const timer = setTimeout(idle, IDLE_MS);
  signal.addEventListener("abort", gone);
  try {
    return await Promise.race([next, promise]).catch((thrown: unknown) => {
      throw thrown instanceof Failure ? thrown : incomplete(thrown);
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", gone);
  }
}

/** The client has hung up amid the content. */
export function incomplete(cause: unknown): Failure {
  const message = "The content ended before it was complete: nothing was done. Send it again.";
  return new Failure("malformed", "content_incomplete", message, { cause });
}

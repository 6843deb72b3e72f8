/** How long a body is: so many bytes (`Infinity`: until the connection ends), or chunked. */
export type BodyLength = number | "chunked";

/** Follows one direction of an HTTP/1.1 connection and finds where its messages end. */
export interface MessageScanner {
  /** Where the bytes so far have stopped: between two messages, in a head, or in a body. */
  readonly position: "start" | "head" | "body";
  /** Bytes so far of the head that this is in, or was in last. */
  readonly headLength: number;
  /** Reads `bytes` from `from` on; the offset just past the message's end, or -1 if it goes on. */
  next(bytes: Buffer, from: number): number;
}

const LF = 0x0a;

/** What is looked for stands within so many bytes of a line; the rest of a longer one is not kept. */
const MAX_LINE = 1_024;

/**
 * A scanner that draws the boundaries of messages as RFC 9112 §6 does, from Content-Length and
 * Transfer-Encoding. It judges nothing: it is for bytes that a real parser reads or has written, so
 * a wrong boundary can delay that parser but not deceive it.
 *
 * @param bodyLength gives a message's body length, knowing its first line and the length announced
 *   in its head; `undefined` if the head is an interim one (1xx) that another follows.
 */
export function messageScanner(
  bodyLength: (firstLine: string, announced: BodyLength | undefined) => BodyLength | undefined,
): MessageScanner {
  let position: MessageScanner["position"] = "start";
  let headLength = 0;
  let firstLine: string | undefined;
  let announced: BodyLength | undefined;
  /** The beginning of a line whose end has not come yet. */
  let line = "";
  /** Bytes to skip before the next line or the end: a whole body, or a chunk with its CRLF. */
  let skip = 0;
  let chunks: "none" | "more" | "trailers" = "none";

  /** Takes one line; true if the message ends with it. */
  function take(text: string): boolean {
    if (chunks === "trailers") return text === "";
    if (chunks === "more") {
      const size = Number.parseInt(text, 16);
      if (size === 0) chunks = "trailers";
      else skip = Number.isNaN(size) ? Infinity : size + 2;
      return false;
    }
    if (firstLine === undefined) {
      firstLine = text;
      return false;
    }
    if (text !== "") {
      const field = /^(content-length|transfer-encoding):[ \t]*(\d*)/i.exec(text);
      if (field) announced = field[2] ? Number(field[2]) : "chunked";
      return false;
    }
    const length = bodyLength(firstLine, announced);
    firstLine = undefined;
    announced = undefined;
    if (length === undefined) return false;
    position = "body";
    chunks = length === "chunked" ? "more" : "none";
    skip = length === "chunked" ? 0 : length;
    return length === 0;
  }

  return {
    get position() {
      return position;
    },
    get headLength() {
      return headLength;
    },
    next(bytes, from) {
      let at = from;
      while (at < bytes.length) {
        if (position === "start") {
          position = "head";
          headLength = 0;
        }
        let ended = false;
        if (skip > 0) {
          const step = Math.min(skip, bytes.length - at);
          skip -= step;
          at += step;
          ended = skip === 0 && chunks === "none";
        } else {
          const lf = bytes.indexOf(LF, at);
          const stop = lf === -1 ? bytes.length : lf;
          if (position === "head") headLength += Math.min(stop + 1, bytes.length) - at;
          if (line.length < MAX_LINE)
            line += bytes.toString("latin1", at, Math.min(stop, at + MAX_LINE));
          at = stop + 1;
          if (lf === -1) return -1;
          const text = line.endsWith("\r") ? line.slice(0, -1) : line;
          line = "";
          ended = take(text);
        }
        if (ended) {
          position = "start";
          chunks = "none";
          return at;
        }
      }
      return -1;
    },
  };
}

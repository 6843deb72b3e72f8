import { describe, expect, test } from "bun:test";
import { type BodyLength, messageScanner } from "./message-scanner.ts";

/** Each case: the messages of one direction, as they follow each other. */
const streams: Record<string, readonly string[]> = {
  "no body": ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"],
  "a length": [
    "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12\r\n3",
    "POST / HTTP/1.1\r\ncontent-length:\t0\r\nX: y\r\n\r\n",
    "POST / HTTP/1.1\r\nX-Content-Length: 9\r\nContent-Length: 1 \r\n\r\n1",
  ],
  chunks: [
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;name=value\r\n0\r\n0\r\nT: 1\r\nU: 2\r\n\r\n",
    "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  "an interim head before the message": [
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.1 204 No Content\r\n\r\n",
  ],
  "a line longer than what is kept of it": [
    `GET /${"a".repeat(9_000)} HTTP/1.1\r\nX: ${"b".repeat(9_000)}\r\nContent-Length: 3\r\n\r\nabc`,
    "GET / HTTP/1.1\r\n\r\n",
  ],
};

function scanner() {
  return messageScanner((firstLine, announced): BodyLength | undefined =>
    firstLine.startsWith("HTTP/1.1 1") ? undefined : (announced ?? 0),
  );
}

/** Where messages end in the whole stream, if it arrives in pieces of `size` bytes. */
function ends(stream: Buffer, size: number): number[] {
  const { next } = scanner();
  const found: number[] = [];
  for (let start = 0; start < stream.length; start += size) {
    const piece = stream.subarray(start, start + size);
    for (let at = next(piece, 0); at !== -1; at = next(piece, at)) found.push(start + at);
  }
  return found;
}

describe("finds the ends of messages, however the bytes are cut", () => {
  for (const [name, messages] of Object.entries(streams)) {
    test(name, () => {
      const stream = Buffer.from(messages.join(""), "latin1");
      let length = 0;
      const expected = messages.map((message) => {
        length += message.length;
        return length;
      });
      for (let size = 1; size <= Math.min(stream.length, 300); size += 1) {
        expect(ends(stream, size)).toEqual(expected);
      }
      expect(ends(stream, stream.length)).toEqual(expected);
    });
  }
});

test("says where in a message the bytes have stopped", () => {
  const requests = scanner();
  const positions = ["P", "OST / HTTP/1.1\r\nContent-Length: 2\r\n", "\r\n", "a", "b"].map(
    (bytes) => {
      requests.next(Buffer.from(bytes), 0);
      return requests.position;
    },
  );
  expect(positions).toEqual(["head", "head", "body", "body", "start"]);
});

test("says how long a head is, and not what follows it", () => {
  const heads = ["POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"];
  const bytes = Buffer.from(heads.join("a\r\nb"));
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const requests = scanner();
    const lengths: number[] = [];
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      for (let at = requests.next(piece, 0); at !== -1; at = requests.next(piece, at)) {
        lengths.push(requests.headLength);
      }
    }
    expect(lengths).toEqual(heads.map(({ length }) => length));
  }
  const endless = scanner();
  for (let count = 0; count < 10; count += 1) endless.next(Buffer.alloc(1_000, "a"), 0);
  expect(endless.headLength).toBe(10_000);
});

test("a body without an announced end lasts until the connection ends", () => {
  const responses = messageScanner(() => Infinity);
  expect(responses.next(Buffer.from("HTTP/1.1 200 OK\r\n\r\nabc\r\n\r\n"), 0)).toBe(-1);
  expect(responses.next(Buffer.alloc(100_000), 0)).toBe(-1);
  expect(responses.position).toBe("body");
});

/** RFC 9113, section 6. */
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FRAME_HEAD = 9;
const MAX_WINDOW = 2 ** 31 - 1;
const DEFAULT_WINDOW = 65_535;

export interface Http2Connection {
  /** Sends a body of at most 16 KiB on a stream of its own; resolves to all bytes of the answer's. */
  post(body: Buffer<ArrayBuffer>): Promise<Buffer>;
  close(): void;
}

interface Stream {
  readonly chunks: Buffer[];
  readonly answered: PromiseWithResolvers<Buffer>;
}

/**
 * An HTTP/2 connection that sends the same header over and over, written out beforehand, and does not
 * look at the answers' headers. The windows that it grants are as wide as they can be, so that it has
 * none to update; for the server's it relies on few small bodies being on their way.
 */
export async function openHttp2(
  origin: string,
  request: { readonly path: string; readonly headers: Readonly<Record<string, string>> },
): Promise<Http2Connection> {
  const { hostname, port, host } = new URL(origin);
  const fields = {
    ":method": "POST",
    ":scheme": "http",
    ":path": request.path,
    ":authority": host,
  };
  const header = headerBlock({ ...fields, ...request.headers });
  const streams = new Map<number, Stream>();
  let received = Buffer.alloc(0);
  let nextStream = 1;
  let fault: Error | undefined;

  function fail(error: Error): void {
    fault ??= error;
    for (const { answered } of streams.values()) answered.reject(error);
    streams.clear();
  }

  function handle(type: number, flags: number, id: number, payload: Buffer<ArrayBuffer>): void {
    if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0));
    if (type === PING && (flags & ACK) === 0) socket.write(frame(PING, ACK, 0, payload));
    if (type === GOAWAY) fail(new Error("the server wants no more calls"));
    const stream = streams.get(id);
    if (stream === undefined) return;
    if (type === RST_STREAM) fail(new Error("the server has reset a call"));
    if (type === DATA) stream.chunks.push(payload);
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) {
      streams.delete(id);
      stream.answered.resolve(Buffer.concat(stream.chunks));
    }
  }

  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data(_socket, bytes) {
        received = received.length === 0 ? Buffer.from(bytes) : Buffer.concat([received, bytes]);
        let at = 0;
        while (received.length - at >= FRAME_HEAD) {
          const end = at + FRAME_HEAD + received.readUIntBE(at, 3);
          if (received.length < end) break;
          const payload = received.subarray(at + FRAME_HEAD, end);
          const id = received.readUInt32BE(at + 5) & MAX_WINDOW;
          handle(received.readUInt8(at + 3), received.readUInt8(at + 4), id, payload);
          at = end;
        }
        received = received.subarray(at);
      },
      error: (_socket, error) => fail(error),
      close: () => fail(new Error("the server closed the connection")),
    },
  });

  // SETTINGS_INITIAL_WINDOW_SIZE is for each stream; WINDOW_UPDATE is for the whole connection.
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(4, 0);
  settings.writeUInt32BE(MAX_WINDOW, 2);
  const window = Buffer.alloc(4);
  window.writeUInt32BE(MAX_WINDOW - DEFAULT_WINDOW);
  const opening = [frame(SETTINGS, 0, 0, settings), frame(WINDOW_UPDATE, 0, 0, window)];
  socket.write(Buffer.concat([PREFACE, ...opening]));

  return {
    post(body) {
      const answered = Promise.withResolvers<Buffer>();
      if (fault !== undefined) return Promise.reject(fault);
      streams.set(nextStream, { chunks: [], answered });
      const sent = Buffer.concat([
        frame(HEADERS, END_HEADERS, nextStream, header),
        frame(DATA, END_STREAM, nextStream, body),
      ]);
      nextStream += 2;
      // With so little on its way there is room for a request, or the connection is gone.
      if (socket.write(sent) !== sent.length) fail(new Error("the connection takes no more"));
      return answered.promise;
    },
    close: () => void socket.end(),
  };
}

function frame(
  type: number,
  flags: number,
  stream: number,
  payload = Buffer.alloc(0),
): Buffer<ArrayBuffer> {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** RFC 7541, section 6.2.2: each field a literal that is not indexed, its name and value as they are. */
function headerBlock(fields: Readonly<Record<string, string>>): Buffer<ArrayBuffer> {
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [
      Buffer.from([0]),
      literal(name),
      literal(value),
    ]),
  );
}

/** RFC 7541, sections 5.1 and 5.2. */
function literal(text: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(text);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left >>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([...length, left]), bytes]);
}

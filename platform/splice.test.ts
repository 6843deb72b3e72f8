import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { eventually, HTTP2_PREFACE, type RawClient, rawClient } from "./listen.fixtures.ts";
import type { ListenLimits } from "./listen.ts";

// 100 MB each way, slowly, on a machine that may be busy.
setDefaultTimeout(60_000);

const WITH_PROC = existsSync("/proc/self/status");

interface Child {
  readonly pid: number;
  readonly port: number;
  readonly end: () => Promise<unknown>;
}

const children: Child[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end()));
});

async function child(limits: Partial<ListenLimits> = {}): Promise<Child> {
  const server = Bun.spawn(
    [process.execPath, join(import.meta.dir, "listen.child.ts"), JSON.stringify(limits)],
    { stdin: "pipe", stdout: "pipe" },
  );
  const output = server.stdout.getReader();
  const port = Number(new TextDecoder().decode((await output.read()).value));
  const started = {
    pid: server.pid,
    port,
    end: async () => {
      server.stdin.end();
      expect(await server.exited).toBe(0);
    },
  };
  children.push(started);
  return started;
}

const HEAD = "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n";
const post = (length: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

/** Sends `text` again and again, `ms` apart, until the other side closes. */
async function dribble(client: RawClient, text: string, ms: number): Promise<void> {
  for (let at = 0; client.socket.writable && !client.socket.readableEnded; at += 1) {
    client.socket.write(text[at % text.length] ?? "");
    await Bun.sleep(ms);
  }
}

describe("a client that does not go on is closed", () => {
  /** What is sent at once, and what is dribbled after it. */
  const beginnings: readonly (readonly [start: string, dribbled: string])[] = [
    ["", ""],
    ["GET / HTTP/1.1\r\nHost: a\r\n", ""],
    ["GET / HTTP/1.1\r\nX: ", "a"],
    [HTTP2_PREFACE.slice(0, 12), ""],
    [HTTP2_PREFACE, ""],
    [HTTP2_PREFACE.slice(0, 4), HTTP2_PREFACE.slice(4)],
  ];

  test("in its head, be it silent or dribbling, and others notice nothing of 500 of them", async () => {
    const { port } = await child({ headMs: 1_000 });
    const bad = Array.from({ length: 500 }, (_, number) => {
      const [start = "", dribbled = ""] = beginnings[number % beginnings.length] ?? [];
      const client = rawClient(port);
      client.socket.write(start);
      return Promise.all([
        client.closed.finally(() => client.socket.destroy()),
        dribbled && dribble(client, dribbled, 150),
      ]);
    });
    let open = true;
    const allClosed = Promise.all(bad).then(() => {
      open = false;
    });
    let healthy = 0;
    while (open) {
      const response = await fetch(`http://127.0.0.1:${port}/3`);
      expect((await response.bytes()).length).toBe(3);
      healthy += 1;
    }
    await allClosed;
    expect(healthy).toBeGreaterThan(10);
  });

  test("in the head of a later request", async () => {
    const { port } = await child({ headMs: 300 });
    const client = rawClient(port);
    client.socket.write(HEAD);
    await client.receives("\r\n\r\n");
    client.socket.write("GET / HTTP/1.1\r\nX: ");
    await Promise.all([client.closed, dribble(client, "a", 20)]);
    client.socket.destroy();
  });

  test("between requests, on HTTP/1.1 and HTTP/2", async () => {
    const { port } = await child({ idleMs: 300, http2IdleMs: 300 });
    const client = rawClient(port);
    client.socket.write(HEAD);
    const session = connect(`http://127.0.0.1:${port}`);
    await Promise.all([client.receives("\r\n\r\n"), once(session, "remoteSettings")]);
    await Promise.all([client.closed, once(session, "close")]);
    client.socket.destroy();
  });

  test("in a body that dribbles, but not in one that is slow and makes progress", async () => {
    const { port } = await child({ headMs: 1_000, idleMs: 1_000 });
    const dribbling = rawClient(port);
    dribbling.socket.write(post(1_000_000));
    await Promise.all([dribbling.closed, dribble(dribbling, "a", 20)]);
    expect(dribbling.received()).toBe("");
    dribbling.socket.destroy();

    const slow = rawClient(port);
    slow.socket.write(post(30 * 65_536));
    for (let sent = 0; sent < 30; sent += 1) {
      slow.socket.write(Buffer.alloc(65_536));
      await Bun.sleep(100);
    }
    await slow.receives(String(30 * 65_536));
    slow.socket.destroy();
  });

  test("at once, if there are too many of them", async () => {
    const { port } = await child({ maxConnections: 3 });
    const clients = [1, 2, 3].map(() => rawClient(port));
    await Promise.all(clients.map(({ socket }) => once(socket, "connect")));
    const oneMore = rawClient(port);
    await oneMore.closed;
    clients[0]?.socket.destroy();
    await eventually("the place is free again", 5_000, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/3`).catch(() => undefined);
      return answer?.status === 200;
    });
    for (const { socket } of clients) socket.destroy();
  });
});

const SIZE = 100_000_000;

/** Reads to the end, with a pause after every 256 KiB or piece; the number of bytes. */
async function readSlowly(body: AsyncIterable<Uint8Array> | Iterable<never>): Promise<number> {
  let length = 0;
  let pauses = 0;
  for await (const bytes of body) {
    length += bytes.length;
    if (length < pauses * 262_144) continue;
    pauses += 1;
    await Bun.sleep(4);
  }
  return length;
}

function upload(): Readable {
  let left = SIZE;
  return new Readable({
    read() {
      const bytes = Buffer.alloc(Math.min(left, 65_536));
      left -= bytes.length;
      this.push(bytes.length > 0 ? bytes : null);
    },
  });
}

interface Transfers {
  /** Sends 100 MB to a handler that reads slowly; its answer. */
  readonly up: (port: number) => Promise<string>;
  /** Reads 100 MB slowly; how many bytes there were. */
  readonly down: (port: number) => Promise<number>;
}

async function overHttp1<Result>(port: number, exchange: (client: RawClient) => Promise<Result>) {
  const client = rawClient(port);
  return exchange(client).finally(() => client.socket.destroy());
}

async function overHttp2<Result>(
  port: number,
  exchange: (session: ClientHttp2Session) => Promise<Result>,
) {
  const session = connect(`http://127.0.0.1:${port}`);
  return exchange(session).finally(() => session.destroy());
}

const transfers: Record<string, Transfers> = {
  "HTTP/1.1": {
    up: (port) =>
      overHttp1(port, async (client) => {
        client.socket.write(post(SIZE));
        await pipeline(upload(), client.socket, { end: false });
        return (await client.receives(`\r\n\r\n${SIZE}`)).slice(-String(SIZE).length);
      }),
    down: async (port) => readSlowly((await fetch(`http://127.0.0.1:${port}/${SIZE}`)).body ?? []),
  },
  "HTTP/2": {
    up: (port) =>
      overHttp2(port, async (session) => {
        const stream = session.request({ ":path": "/", ":method": "POST" });
        const [, answer] = await Promise.all([
          pipeline(upload(), stream, { end: true }).catch(() => undefined),
          new Response(stream).text(),
        ]);
        return answer;
      }),
    down: (port) =>
      overHttp2(port, (session) => readSlowly(session.request({ ":path": `/${SIZE}` }))),
  },
};

describe.skipIf(!WITH_PROC)("memory stays flat (needs /proc)", () => {
  for (const [protocol, { up, down }] of Object.entries(transfers)) {
    test(`while 100 MB go to a slow reader and come to a slow client over ${protocol}`, async () => {
      const { port, pid } = await child();
      expect(await up(port)).toBe(String(SIZE));
      expect(await down(port)).toBe(SIZE);
      const before = residentBytes(pid);
      let highest = before;
      const watch = setInterval(() => {
        highest = Math.max(highest, residentBytes(pid));
      }, 20);
      await Promise.all([up(port), down(port)]);
      clearInterval(watch);
      expect(highest - before).toBeLessThan(60_000_000);
    });
  }
});

describe.skipIf(!WITH_PROC)("nothing is left behind (needs /proc)", () => {
  const leave: Record<string, (port: number) => Promise<void>> = {
    "HTTP/1.1 upload": async (port) => {
      const client = rawClient(port);
      client.socket.write(post(SIZE));
      client.socket.write(Buffer.alloc(1_000_000));
      await once(client.socket, "drain");
      client.socket.destroy();
    },
    "HTTP/1.1 download, with FIN": async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/${SIZE}`);
      await response.body?.cancel();
    },
    "HTTP/1.1 download, with RST": async (port) => {
      const client = rawClient(port);
      client.socket.write(`GET /${SIZE} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await client.receives("\r\n\r\n");
      client.socket.resetAndDestroy();
    },
    "HTTP/2 upload": (port) =>
      overHttp2(port, async (session) => {
        const stream = session.request({ ":path": "/", ":method": "POST" });
        stream.write(Buffer.alloc(60_000));
        await once(stream, "ready");
      }),
    "HTTP/2 download": (port) =>
      overHttp2(port, async (session) => {
        await once(session.request({ ":path": `/${SIZE}` }), "data");
      }),
    beginning: async (port) => {
      const client = rawClient(port);
      client.socket.write("P");
      await once(client.socket, "connect");
      client.socket.destroy();
    },
  };

  test("of clients that go away in the middle", async () => {
    const { port, pid } = await child();
    const before = sockets(pid).length;
    for (const go of Object.values(leave))
      await Promise.all(Array.from({ length: 10 }, () => go(port)));
    await eventually("all sockets are closed", 10_000, () => sockets(pid).length <= before);
  });
});

test.skipIf(!WITH_PROC)("who comes past the shared port is refused (needs /proc)", async () => {
  const { port, pid } = await child();
  const own = sockets(pid);
  // Local address, state (0A: listening) and inode; proc_pid_net(5).
  const listening = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state, , , , , , inode]) => {
      return local.startsWith("0100007F:") && state === "0A" && own.includes(`socket:[${inode}]`);
    })
    .map(([, local = ""]) => Number.parseInt(local.slice(9), 16));
  expect(listening).toHaveLength(2);
  expect(listening).not.toContain(port);

  const outcomes = listening.map(async (inner) => {
    const client = rawClient(inner);
    client.socket.write(HEAD);
    await Promise.race([client.receives("\r\n\r\n"), client.closed]);
    if (client.received().startsWith("HTTP/1.1")) return client.received().slice(0, 12);
    const session = connect(`http://127.0.0.1:${inner}`);
    await once(session, "close");
    return "closed";
  });
  expect((await Promise.all(outcomes)).toSorted()).toEqual(["HTTP/1.1 403", "closed"]);
});

function sockets(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((descriptor) => {
    try {
      return readlinkSync(join(folder, descriptor)).startsWith("socket:")
        ? [readlinkSync(join(folder, descriptor))]
        : [];
    } catch {
      return []; // closed since it was listed
    }
  });
}

function residentBytes(pid: number): number {
  const [, kilobytes] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
}

import { afterAll, expect, test } from "bun:test";
import { openConnection } from "./http.ts";

const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  "/whole": ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"],
  "/parts": ["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 10\r\n", "\r\nhel", "lo", "there"],
  "/missing": ["HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nno dog"],
  "/chunked": ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  "/twice": ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"],
};

const server = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    async data(socket, bytes) {
      const parts = ANSWERS[bytes.toString().split(" ")[1] ?? ""];
      for (const part of parts ?? []) {
        socket.write(part);
        socket.flush();
        await Bun.sleep(5);
      }
      if (parts === undefined) socket.end();
    },
  },
});
afterAll(() => server.stop(true));

async function get(...paths: string[]): Promise<void> {
  const connection = await openConnection("127.0.0.1", server.port);
  try {
    for (const path of paths)
      await connection.exchange(Buffer.from(`GET ${path} HTTP/1.1\r\n\r\n`));
  } finally {
    connection.close();
  }
}

test("answers come one after the other, whole or in parts", async () => {
  await get("/parts", "/whole", "/parts");
});

test.each([
  ["/missing", "404 Not Found"],
  ["/chunked", "only answers with Content-Length"],
  ["/twice", "more than one answer"],
  ["/gone", "closed the connection"],
])("%s is a fault", async (path, fault) => {
  await expect(get(path)).rejects.toThrow(fault);
});

import { afterAll, describe, expect, test } from "bun:test";
import { Code } from "@connectrpc/connect";
import { listContacts } from "../testing/api/contacts.ts";
import { expectCleanLog } from "../testing/cases.ts";
import { type HttpResponse, http1, http2, restClient } from "../testing/clients/rest.ts";
import { startServices } from "../testing/services.ts";
import {
  type Bytes,
  bytes,
  creation,
  frame,
  joined,
  masked,
  NOBODYS_ID,
  reading,
  UNKNOWN_FIELD,
} from "./raw-messages.ts";

// What no well-behaved client sends, byte by byte, to the RPC side.

const services = await startServices();
const { admin } = await services.newTenant();
const overHttp2 = http2(services.crmUrl);

afterAll(async () => {
  overHttp2.close();
  await services.stop();
});

const authorization = `Bearer ${admin.accessToken}`;
const CREATE = "/crm.v1.ContactService/CreateContact";
const UPDATE = "/crm.v1.ContactService/UpdateContact";
const GET = "/crm.v1.ContactService/GetContact";
const ADA = creation("Ada");

interface SendOptions {
  /** Says that the message is compressed by gzip. */
  readonly gzip?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The name of an RPC code, `Ok`, or the HTTP status of what is no answer to a call. */
type Told = string;

/** Carries the bytes of one message as a protocol does, and tells how the call went. */
type Carrier = (path: string, message: Bytes, options?: SendOptions) => Promise<Told>;

const carriers: readonly (readonly [name: string, carrier: Carrier])[] = [
  [
    "Connect",
    async (path, message, { gzip, headers } = {}) => {
      const response = await post(http1, path, message, {
        "content-type": "application/proto",
        ...(gzip && { "content-encoding": "gzip" }),
        ...headers,
      });
      return connectTold(response);
    },
  ],
  [
    "gRPC-Web",
    async (path, message, { gzip, headers } = {}) => {
      const { body } = await post(http1, path, frame(message, gzip ? 1 : 0), {
        "content-type": "application/grpc-web+proto",
        ...(gzip && { "grpc-encoding": "gzip" }),
        ...headers,
      });
      return codeName(/grpc-status: (\d+)/.exec(body)?.[1]);
    },
  ],
  [
    "gRPC",
    (path, message, { gzip, headers } = {}) =>
      grpc(path, frame(message, gzip ? 1 : 0), {
        ...(gzip && { "grpc-encoding": "gzip" }),
        ...headers,
      }),
  ],
];

async function grpc(
  path: string,
  body: Bytes,
  headers: Readonly<Record<string, string>> = {},
): Promise<Told> {
  const response = await post(overHttp2, path, body, {
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const status = response.trailers.get("grpc-status") ?? response.headers.get("grpc-status");
  return status === null ? String(response.status) : codeName(status);
}

function connectTold({ status, body }: HttpResponse): Told {
  if (status === 200) return "Ok";
  expect(status).not.toBe(500);
  // A Connect error, or nothing; JSON.parse throws for all else.
  const error: { code: string } | null = body === "" ? null : JSON.parse(body);
  return error === null
    ? String(status)
    : error.code.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());
}

async function post(
  http: typeof http1,
  path: string,
  body: Bytes,
  headers: Readonly<Record<string, string>>,
): Promise<HttpResponse> {
  const response = await http.send(services.crmUrl + path, {
    method: "POST",
    headers: { authorization, ...headers },
    body,
  });
  expect(response.headers.get("x-request-id")).toMatch(/^[\w-]{36}$/);
  const everything = response.body + JSON.stringify([...response.headers, ...response.trailers]);
  expect(everything).not.toMatch(/ {4}at |node_modules|\/src\/|\.ts\b|readMaxBytes/);
  return response;
}

function codeName(status: string | undefined): Told {
  if (status === "0") return "Ok";
  return Code[Number(status)] ?? `status ${status}`;
}

type BadMessage = readonly [name: string, path: string, message: Bytes, told: Told];

const messages: readonly BadMessage[] = [
  ["text", CREATE, new TextEncoder().encode("not a message at all"), "InvalidArgument"],
  ["a message that is cut off", CREATE, ADA.subarray(0, -1), "InvalidArgument"],
  ["a field whose length is wrong", CREATE, bytes(0x0a, 0xff, 0xff, 0x03), "InvalidArgument"],
  ["a text that is not UTF-8", CREATE, bytes(0x0a, 0x03, 0x0a, 0x01, 0xff), "InvalidArgument"],
  ["half a surrogate pair", CREATE, bytes(0x0a, 5, 0x0a, 3, 0xed, 0xa0, 0x80), "InvalidArgument"],
  ["NUL in a text", CREATE, bytes(0x0a, 0x03, 0x0a, 0x01, 0x00), "InvalidArgument"],
  ["an unknown field", CREATE, joined(ADA, UNKNOWN_FIELD), "InvalidArgument"],
  [
    "an unknown field within a field",
    CREATE,
    joined(bytes(0x0a, 0x06, 0x0a, 0x01, 0x41), UNKNOWN_FIELD),
    "InvalidArgument",
  ],
  ["a message of 2 MB", CREATE, creation("A".repeat(2 << 20)), "ResourceExhausted"],
  ["a mask in camel case", UPDATE, masked("firstName"), "InvalidArgument"],
  ["a mask with an unknown field", UPDATE, masked("planet"), "InvalidArgument"],
  ["a mask with a field that none may set", UPDATE, masked("version"), "InvalidArgument"],
  ["a mask that goes too deep", UPDATE, masked("address.city.street"), "InvalidArgument"],
  ["a mask with __proto__", UPDATE, masked("__proto__"), "InvalidArgument"],
  ["a mask with everything", UPDATE, masked("*"), "InvalidArgument"],
  ["an id that is no UUID", GET, reading("nonsense"), "InvalidArgument"],
  ["an id with NUL", GET, reading(`${NOBODYS_ID}\0`), "InvalidArgument"],
];

describe.each(carriers)("%s refuses", (_, send) => {
  test.each(messages)("%s", async (_name, path, message, told) => {
    expect(await send(path, message)).toBe(told);
  });

  test("what claims to be compressed and is not", async () => {
    expect(await send(CREATE, ADA, { gzip: true })).toBe("InvalidArgument");
    const cut = Bun.gzipSync(ADA).subarray(0, 12);
    expect(await send(CREATE, cut, { gzip: true })).toBe("InvalidArgument");
  });

  test("200 MB of zeros that are 200 KB by gzip, without making room for them", async () => {
    const bomb = Bun.gzipSync(new Uint8Array(200 << 20));
    const before = process.memoryUsage.rss();
    expect(await send(CREATE, bomb, { gzip: true })).toBe("ResourceExhausted");
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 << 20);
  });

  test("a caller without a token, before it reads a message of 2 MB", async () => {
    const headers = { authorization: "Bearer nonsense" };
    expect(await send(CREATE, creation("A".repeat(2 << 20)), { headers })).toBe("Unauthenticated");
  });

  test("but takes what is well-formed, also compressed", async () => {
    expect(await send(GET, reading(NOBODYS_ID))).toBe("NotFound");
    expect(await send(GET, Bun.gzipSync(reading(NOBODYS_ID)), { gzip: true })).toBe("NotFound");
  });
});

describe("gRPC refuses", () => {
  test.each([
    ["a length beyond the end", frame(ADA, 0, 500), "InvalidArgument"],
    ["a length of 4 GB", frame(ADA, 0, 0xffff_ffff), "ResourceExhausted"],
    ["no message", bytes(), "Unimplemented"],
    ["two messages", joined(frame(ADA), frame(ADA)), "Unimplemented"],
    ["compressed by nobody knows what", frame(ADA, 1), "InvalidArgument"],
  ])("%s", async (_, body, told) => {
    expect(await grpc(CREATE, body)).toBe(told);
  });

  test("a compression that it does not know", async () => {
    expect(await grpc(CREATE, frame(ADA, 1), { "grpc-encoding": "zstd" })).toBe("Unimplemented");
  });

  test.each([
    ["0S", "DeadlineExceeded"],
    ["600S", "NotFound"],
    ["601S", "InvalidArgument"],
    ["99999999H", "InvalidArgument"],
    ["100000000S", "InvalidArgument"],
    ["-1S", "InvalidArgument"],
    ["1.5S", "InvalidArgument"],
    ["1x", "InvalidArgument"],
    ["", "InvalidArgument"],
  ])("or obeys the grpc-timeout %j: %s", async (timeout, told) => {
    expect(await grpc(GET, frame(reading(NOBODYS_ID)), { "grpc-timeout": timeout })).toBe(told);
  });

  test("but of a stream a longer one is not refused", async () => {
    const watch = "/crm.v1.ContactService/WatchImport";
    const headers = { "grpc-timeout": "601S" };
    expect(await grpc(watch, frame(reading(NOBODYS_ID)), headers)).toBe("NotFound");
  });

  test("a hundred and fifty messages of 2 MB on one connection, which still serves others", async () => {
    const large = frame(creation("A".repeat(2 << 20)));
    for (let at = 0; at < 150; at++) expect(await grpc(CREATE, large)).toBe("ResourceExhausted");
    expect(await grpc(GET, frame(reading(NOBODYS_ID)))).toBe("NotFound");
  });

  test("a method and a service that are not there", async () => {
    // What gRPC clients take for UNIMPLEMENTED.
    expect(await grpc("/crm.v1.ContactService/Nothing", frame(ADA))).toBe("404");
    expect(await grpc("/nothing.v1.Nothing/Nothing", frame(ADA))).toBe("404");
  });
});

describe("Connect refuses", () => {
  async function connect(body: string, headers: Record<string, string> = {}, path = CREATE) {
    const message = new TextEncoder().encode(body);
    return connectTold(
      await post(http1, path, message, { "content-type": "application/json", ...headers }),
    );
  }

  test.each([
    ["half an object", "{"],
    ["a list", "[]"],
    ["an unknown field", '{"contact":{"firstname":"A"}}'],
    ["a wrong type", '{"contact":{"firstName":1}}'],
    ["NUL in a value", '{"contact":{"firstName":"\\u0000"}}'],
    ["half a surrogate pair", '{"contact":{"firstName":"\\ud83d"}}'],
    ["half a pair in a key", '{"contact":{"firstName":"A","\\udc00":"B"}}'],
    ["half a million brackets", "[".repeat(500_000)],
    ["objects in objects", `${'{"contact":'.repeat(10_000)}1${"}".repeat(10_000)}`],
  ])("%s", async (_, body) => {
    expect(await connect(body)).toBe("InvalidArgument");
  });

  test("2 MB", async () => {
    const body = JSON.stringify({ contact: { firstName: "A".repeat(2 << 20) } });
    expect(await connect(body)).toBe("ResourceExhausted");
  });

  test("media types that are none of a protocol's", async () => {
    for (const type of ["text/plain", "application/xml", "application/grpc+thrift", "@"]) {
      expect(await connect("{}", { "content-type": type })).toBe("415");
    }
  });

  test.each([
    ["0", "DeadlineExceeded"],
    ["600000", "NotFound"],
    ["600001", "InvalidArgument"],
    ["99999999999", "InvalidArgument"],
    ["-1", "InvalidArgument"],
    ["soon", "InvalidArgument"],
  ])("or obeys the connect-timeout-ms %s: %s", async (timeout, told) => {
    const headers = { "connect-timeout-ms": timeout };
    expect(await connect(JSON.stringify({ id: NOBODYS_ID }), headers, GET)).toBe(told);
  });
});

test("nothing was written, and nothing was a bug", async () => {
  const { accessToken: token } = admin;
  const page = await restClient("REST", services, () => http1).call(listContacts, {}, { token });
  expect(page).toMatchObject({ value: { items: [] } });
  expectCleanLog(services);
});

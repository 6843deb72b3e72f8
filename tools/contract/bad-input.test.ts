import { afterAll, describe, expect, test } from "bun:test";
import { expectCleanLog } from "../testing/cases.ts";
import { type HttpResponse, http1, http2, refusal } from "../testing/clients/rest.ts";
import { startServices } from "../testing/services.ts";

// What no well-behaved client sends, to the REST side; rpc-input.test.ts does it to the others.

const services = await startServices();
const { admin } = await services.newTenant();
const overHttp2 = http2(services.crmUrl);

afterAll(async () => {
  overHttp2.close();
  await services.stop();
});

const authorization = `Bearer ${admin.accessToken}`;
const JSON_TYPE = { "content-type": "application/json" };
const CONTACTS = "/v1/contacts";
const NOBODYS_ID = Bun.randomUUIDv7();

interface Bad {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** A POST of a contact, unless it says otherwise; with the status and the code that it is answered. */
type BadRequest = readonly [name: string, request: Bad, status: number, code: string];

const bodies: readonly BadRequest[] = [
  ["half an object", { body: "{" }, 400, "invalid_json"],
  ["no body", { body: "" }, 400, "invalid_json"],
  ["two objects", { body: '{"firstName":"A"}{"firstName":"B"}' }, 400, "invalid_json"],
  ["NaN", { body: '{"firstName":NaN}' }, 400, "invalid_json"],
  ["single quotes", { body: "{'firstName':'A'}" }, 400, "invalid_json"],
  ["bytes that are not UTF-8", { body: new Uint8Array([0x22, 0xff, 0x22]) }, 400, "invalid_json"],
  ["UTF-16", { body: utf16('{"firstName":"A"}') }, 400, "invalid_json"],
  ["half a million brackets", { body: "[".repeat(500_000) }, 400, "invalid_json"],
  ["a list", { body: "[]" }, 422, "invalid_fields"],
  ["null", { body: "null" }, 422, "invalid_fields"],
  ["a text", { body: '"firstName"' }, 422, "invalid_fields"],
  ["a number", { body: "1e400" }, 422, "invalid_fields"],
  ["an unknown field", { body: '{"firstname":"A"}' }, 422, "invalid_fields"],
  ["a wrong type", { body: '{"firstName":1}' }, 422, "invalid_fields"],
  ["NUL in a value", { body: '{"firstName":"\\u0000"}' }, 422, "invalid_fields"],
  ["NUL in a key", { body: '{"firstName":"A","\\u0000":"B"}' }, 422, "invalid_fields"],
  ["half a surrogate pair", { body: '{"firstName":"\\ud83d"}' }, 422, "invalid_fields"],
  ["half a pair in a key", { body: '{"firstName":"A","\\udc00":"B"}' }, 422, "invalid_fields"],
  ["__proto__", { body: '{"firstName":"A","__proto__":{"x":1}}' }, 422, "invalid_fields"],
  ["constructor", { body: '{"firstName":"A","constructor":{}}' }, 422, "invalid_fields"],
  ["lists in lists", { body: nested('{"firstName":', "[", "]", "}") }, 422, "invalid_fields"],
  ["objects in objects", { body: nested("", '{"a":', "}", "") }, 422, "invalid_fields"],
  ["2 MB", { body: JSON.stringify({ firstName: "A".repeat(2 << 20) }) }, 413, "body_too_large"],
];

const types: readonly BadRequest[] = [
  undefined,
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/xml",
  "application/jsonx",
  "json",
].map((type) => [
  `the media type ${type}`,
  {
    headers: type === undefined ? {} : { "content-type": type },
    body: new TextEncoder().encode('{"firstName":"A"}'),
  },
  415,
  "unsupported_media_type",
]);

const paths: readonly BadRequest[] = [
  ["a path that leads nowhere", { path: "/v1/nothing" }, 404, "no_such_route"],
  ["a path of another service", { path: "/v1/auth/login" }, 404, "no_such_route"],
  ["a path with a slash too many", { path: "/v1/contacts/" }, 404, "no_such_route"],
  ["a method that is not there", { method: "DELETE" }, 405, "method_not_allowed"],
  ["a method of WebDAV", { method: "PROPFIND" }, 405, "method_not_allowed"],
  ...["nonsense", "1", "%00", "%ff", "%zz", "..%2f..%2fetc", `${NOBODYS_ID}x`].map(
    (id): BadRequest => [
      `the id ${id}`,
      { method: "GET", path: `${CONTACTS}/${id}` },
      400,
      "invalid_fields",
    ],
  ),
  ...["?limit=0", "?nothing=1", "?limit=1&limit=2", "?limit=%00", "?cursor=x%00"].map(
    (query): BadRequest => [
      `the query ${query}`,
      { method: "GET", path: CONTACTS + query },
      400,
      "invalid_fields",
    ],
  ),
  ...["?allowDuplicate=maybe", "?firstName=A"].map(
    (query): BadRequest => [
      `the query ${query}`,
      { path: CONTACTS + query, headers: JSON_TYPE, body: '{"firstName":"A"}' },
      400,
      "invalid_fields",
    ],
  ),
  ["a search for nothing", { method: "GET", path: `${CONTACTS}/search` }, 400, "invalid_fields"],
  [
    "an id twice",
    { method: "GET", path: `${CONTACTS}/${NOBODYS_ID}?id=${NOBODYS_ID}` },
    400,
    "invalid_fields",
  ],
];

const versions: readonly BadRequest[] = ["1", '"1', '"x"', '"1", "2"', '""', '"-1"', '"1e1"'].map(
  (etag) => [
    `the If-Match ${etag}`,
    { method: "DELETE", path: `${CONTACTS}/${NOBODYS_ID}`, headers: { "if-match": etag } },
    400,
    "invalid_if_match",
  ],
);

/** What If-Match says, and nothing else. */
const versionElsewhere: readonly BadRequest[] = ["PATCH", "DELETE"].map((method) => [
  `the version in the query of a ${method}`,
  {
    method,
    path: `${CONTACTS}/${NOBODYS_ID}?expectedVersion=1`,
    ...(method === "PATCH" && { headers: JSON_TYPE, body: "{}" }),
  },
  400,
  "invalid_fields",
]);

describe.each([
  ["HTTP/1.1", http1],
  ["HTTP/2", overHttp2],
])("over %s, REST refuses", (_, http) => {
  async function send({ method = "POST", path = CONTACTS, headers, body }: Bad) {
    return http.send(services.crmUrl + path, {
      method,
      headers: { authorization, ...(headers ?? (body === undefined ? {} : JSON_TYPE)) },
      ...(body !== undefined && { body }),
    });
  }

  test.each([...bodies, ...types, ...paths, ...versions, ...versionElsewhere])(
    "%s",
    async (_name, bad, status, code) => {
      const response = await send(bad);
      expect(refusal(response)).toMatchObject({ status: String(status), code });
      expectNothingInternal(response);
    },
  );

  test("fifty thousand unknown fields, without sending them all back", async () => {
    const fields = Array.from({ length: 50_000 }, (_unused, at) => [`field${at}`, 1]);
    const response = await send({ body: JSON.stringify(Object.fromEntries(fields)) });
    expect(refusal(response)).toMatchObject({ status: "422", code: "invalid_fields" });
    expect(response.body.length).toBeLessThan(10_000);
  });

  test("an unknown field with a name of a megabyte, without sending it back", async () => {
    const response = await send({ body: JSON.stringify({ ["f".repeat(1_000_000)]: 1 }) });
    expect(refusal(response)).toMatchObject({ status: "422", code: "invalid_fields" });
    expect(response.body.length).toBeLessThan(10_000);
  });

  test("a method that is not there, and tells those that are", async () => {
    const { headers } = await send({ method: "PUT", path: `${CONTACTS}/${NOBODYS_ID}` });
    expect(headers.get("allow")).toBe("GET, PATCH, DELETE");
  });

  test("a password in the query", async () => {
    const query = new URLSearchParams({ tenant: "t", email: "e@x.example", password: "p" });
    const response = await http1.send(`${services.userUrl}/v1/auth/login?${query}`, {
      method: "POST",
      headers: JSON_TYPE,
      body: "{}",
    });
    expect(refusal(response)).toMatchObject({ status: "400", code: "invalid_fields" });
  });

  test.each([
    ["POST", "/restore"],
    ["DELETE", ""],
  ])("a body of %s, which takes none: %s", async (method, path) => {
    const url = `${CONTACTS}/${NOBODYS_ID}${path}`;
    const stray = await send({ method, path: url, body: '{"firstName":"A"}' });
    expect(refusal(stray)).toMatchObject({ status: "422", fields: ["firstName unknown_field"] });
    const empty = await send({ method, path: url, body: "{}" });
    expect(refusal(empty)).toMatchObject({ status: "404", code: "not_found" });
  });

  test("the version in the body", async () => {
    const response = await http1.send(`${services.userUrl}/v1/roles/sales/permissions`, {
      method: "PUT",
      headers: { authorization, ...JSON_TYPE },
      body: JSON.stringify({ permissions: [], expectedVersion: 1 }),
    });
    expect(refusal(response)).toMatchObject({
      status: "422",
      fields: ["expectedVersion unknown_field"],
    });
  });

  test("and has written nothing", async () => {
    const { body } = await send({ method: "GET" });
    expect(JSON.parse(body)).toEqual({ items: [], nextCursor: null });
    expectCleanLog(services);
  });
});

test("over HTTP/2, a method that nobody knows is no GET", async () => {
  const request = { method: "BREW", headers: { authorization } };
  const response = await overHttp2.send(services.crmUrl + CONTACTS, request);
  expect(refusal(response)).toMatchObject({ status: "405", code: "method_not_allowed" });
});

/** Neither stack nor path, statement nor library: what nobody outside needs to know. */
function expectNothingInternal({ body, headers }: HttpResponse): void {
  const told = body + JSON.stringify([...headers]);
  expect(told).not.toMatch(/ {4}at |node_modules|\/src\/|\.ts\b|stack|Error:/);
  expect(told).not.toMatch(/\b(select|insert|delete from|kysely|pg_|postgres|zod|hono|redis)\b/i);
}

/** Ten thousand of them around nothing. */
function nested(before: string, open: string, close: string, after: string): string {
  return `${before}${open.repeat(10_000)}${open === "[" ? "" : "1"}${close.repeat(10_000)}${after}`;
}

function utf16(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(`\ufeff${text}`, "utf16le"));
}

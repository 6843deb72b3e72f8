import { afterAll, describe, expect, test } from "bun:test";
import { expectCleanLog } from "../testing/cases.ts";
import { http1, http2, refusal } from "../testing/clients/rest.ts";
import { startServices } from "../testing/services.ts";

// What the contract says of HTTP itself: status lines, headers, and bytes.

const PAGE = "https://app.company.example";

const services = await startServices({ CORS_ORIGINS: `${PAGE}, http://localhost:3000` });
const { admin } = await services.newTenant();
const stranger = (await services.newTenant()).admin;
const overHttp2 = http2(services.crmUrl);

afterAll(async () => {
  overHttp2.close();
  await services.stop();
});

const authorization = `Bearer ${admin.accessToken}`;
const NOBODYS_ID = Bun.randomUUIDv7();
const CREATE = "/crm.v1.ContactService/CreateContact";
const JSON_TYPE = { "content-type": "application/json" };

describe.each([
  ["HTTP/1.1", http1],
  ["HTTP/2", overHttp2],
])("over %s", (version, http) => {
  async function send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: object,
  ) {
    return http.send(services.crmUrl + path, {
      method,
      headers: { authorization, ...(body && JSON_TYPE), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  test("what was made is where Location says, under the version that ETag says", async () => {
    const made = await send("POST", "/v1/contacts", {}, { firstName: version });
    expect(made.status).toBe(201);
    expect(made.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(made.headers.get("cache-control")).toBe("no-store");
    expect(made.headers.get("etag")).toBe('"1"');
    const location = made.headers.get("location") ?? "";
    const got = await send("GET", location);
    expect(got).toMatchObject({ status: 200, body: made.body });
    expect(got.headers.get("etag")).toBe('"1"');

    const head = await send("HEAD", location);
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers.get("etag")).toBe('"1"');

    for (const [ifMatch, status] of [
      ['"2"', 412],
      ['"1"', 200],
      ['W/"2"', 200],
      ["*", 200],
    ] as const) {
      const changed = await send("PATCH", location, { "if-match": ifMatch }, { title: ifMatch });
      expect(changed.status).toBe(status);
    }
    const patch = { "content-type": "application/merge-patch+json" };
    const patched = await send("PATCH", location, patch, { title: null });
    expect(patched.headers.get("etag")).toBe('"5"');

    const deleted = await send("DELETE", location, { "if-match": '"5"' });
    expect(deleted).toMatchObject({ status: 204, body: "" });
    expect(refusal(await send("GET", location))).toMatchObject({ status: "404" });
  });

  test("a repeated idempotency key gives the same bytes", async () => {
    const key = { "idempotency-key": `key-${version}` };
    const contact = { lastName: `Ünïcode ${version}`, tags: ["b", "a"] };
    const first = await send("POST", "/v1/contacts", key, contact);
    const second = await send("POST", "/v1/contacts", key, contact);
    expect(second).toMatchObject({ status: 201, body: first.body });
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    for (const name of ["etag", "location", "content-type"]) {
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    }
  });

  test("another tenant's contact is not there, to the byte", async () => {
    const theirs = await http.send(`${services.crmUrl}/v1/contacts`, {
      method: "POST",
      headers: { authorization: `Bearer ${stranger.accessToken}`, ...JSON_TYPE },
      body: '{"firstName":"Theirs"}',
    });
    const { id }: { id: string } = JSON.parse(theirs.body);
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const body = method === "PATCH" ? {} : undefined;
      const [absent, others] = await Promise.all(
        [NOBODYS_ID, id].map(async (each) => {
          const response = await send(method, `/v1/contacts/${each}`, {}, body);
          const requestId = response.headers.get("x-request-id") ?? "";
          return { status: response.status, body: response.body.replace(requestId, "the id") };
        }),
      );
      expect(others).toEqual(absent as typeof others);
      expect(absent?.status).toBe(404);
    }
  });

  test.each([
    ["GET", "/v1/contacts"],
    ["GET", "/v1/nothing"],
    ["DELETE", "/v1/contacts"],
    ["GET", "/health"],
    ["POST", CREATE],
    ["GET", CREATE],
    ["POST", "/crm.v1.ContactService/Nothing"],
    ["OPTIONS", "/v1/contacts"],
  ])("%s %s bears the request's id, or a new one", async (method, path) => {
    const ofItsOwn = await send(method, path);
    expect(ofItsOwn.headers.get("x-request-id")).toMatch(/^[\da-f]{8}-[\da-f-]{27}$/);
    const given = await send(method, path, { "x-request-id": "Trace.me_up-1" });
    expect(given.headers.get("x-request-id")).toBe("Trace.me_up-1");
    for (const odd of [
      "short",
      "with space inside",
      "semi;colon-here",
      "x".repeat(129),
      '"quoted"',
    ]) {
      const replaced = await send(method, path, { "x-request-id": odd });
      expect(replaced.headers.get("x-request-id")).toMatch(/^[\da-f]{8}-[\da-f-]{27}$/);
    }
  });

  test.each(["/v1/contacts", `/v1/contacts/${NOBODYS_ID}`, CREATE])(
    "a page of a listed origin may ask whether it may call %s",
    async (path) => {
      const { status, headers } = await http.send(services.crmUrl + path, {
        method: "OPTIONS",
        headers: {
          origin: PAGE,
          "access-control-request-method": "PATCH",
          "access-control-request-headers": "authorization,content-type,if-match",
        },
      });
      expect(status).toBe(204);
      expect(headers.get("access-control-allow-origin")).toBe(PAGE);
      expect(headers.get("access-control-allow-credentials")).toBeNull();
      expect(headers.get("vary")?.toLowerCase()).toContain("origin");
      const methods = headers.get("access-control-allow-methods")?.split(",");
      expect(methods).toEqual(["GET", "POST", "PUT", "PATCH", "DELETE"]);
      const allowed = headers.get("access-control-allow-headers")?.toLowerCase().split(",");
      for (const name of [
        "authorization",
        "content-type",
        "if-match",
        "idempotency-key",
        "x-request-id",
        "traceparent",
        "connect-protocol-version",
        "connect-timeout-ms",
        "x-grpc-web",
        "grpc-timeout",
      ]) {
        expect(allowed).toContain(name);
      }
    },
  );

  test.each([
    "https://evil.example",
    `${PAGE}.evil.example`,
    "http://app.company.example",
    "null",
    "https://app.company.example:444",
  ])("a page of %s may not", async (origin) => {
    for (const path of ["/v1/contacts", CREATE]) {
      for (const method of ["OPTIONS", "POST"]) {
        const { headers } = await send(method, path, {
          origin,
          "access-control-request-method": "POST",
        });
        expect(headers.get("access-control-allow-origin")).toBeNull();
      }
    }
  });

  test("a page of a listed origin may read what the contract puts into headers", async () => {
    for (const path of ["/v1/contacts", CREATE]) {
      const { headers } = await send("POST", path, { origin: PAGE }, {});
      expect(headers.get("access-control-allow-origin")).toBe(PAGE);
      const exposed = headers.get("access-control-expose-headers")?.toLowerCase().split(",");
      for (const name of [
        "etag",
        "location",
        "retry-after",
        "x-request-id",
        "idempotency-replayed",
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
      ]) {
        expect(exposed).toContain(name);
      }
    }
  });

  test("a request is the same one in both services' logs, and in the caller's trace", async () => {
    const requestId = `trace-${Bun.randomUUIDv7()}`;
    const trace = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const { accessToken } = (await services.newTenant()).admin;
    await send("GET", "/v1/contacts/search?q=ada", {
      authorization: `Bearer ${accessToken}`,
      "x-request-id": requestId,
      traceparent: `00-${trace}-00f067aa0ba902b7-01`,
    });
    const lines = services.log.filter((line) => line.includes(requestId)).map(loggedLine);
    expect(lines).toMatchObject([
      { service: "user-svc", procedure: "user.v1.UserService/ValidateToken", traceId: trace },
      // Not /v1/contacts/:id, which matches too.
      {
        service: "crm-svc",
        method: "GET",
        route: "/v1/contacts/search",
        status: 200,
        traceId: trace,
      },
    ]);
  });
});

test("nothing of it was a bug", () => expectCleanLog(services));

function loggedLine(line: string): Record<string, unknown> {
  return JSON.parse(line);
}

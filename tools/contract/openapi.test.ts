import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { OpenApi } from "@crm/platform/openapi/document";
import spectral, { type IRuleResult } from "@stoplight/spectral-core";
import owasp from "@stoplight/spectral-owasp-ruleset";
import rulesets from "@stoplight/spectral-rulesets";
import { type Browser, chromium } from "playwright-core";
import { testChromium } from "../testing/chromium.ts";
import { type Checker, checker } from "../testing/conformance.ts";
import { COMPILED } from "../testing/service-process.ts";
import { startServices, type TestServices } from "../testing/services.ts";

const chromiumPath = testChromium();

let services: TestServices;
const documents = new Map<string, OpenApi>();

beforeAll(async () => {
  services = await startServices();
  for (const url of [services.userUrl, services.crmUrl]) {
    // It is what `openApi` made; Spectral and the clients' conformance look at the rest.
    documents.set(url, (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi);
  }
});
afterAll(() => services.stop());

function urlOf(service: string): string {
  return service === "user" ? services.userUrl : services.crmUrl;
}

function documentOf(service: string): OpenApi {
  const document = documents.get(urlOf(service));
  if (document === undefined) throw new Error(`${service} serves no document`);
  return document;
}

function operationsOf({ paths }: OpenApi) {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
}

/** Rules that are off, and why. */
const OFF: Readonly<Record<string, string>> = {
  "info-contact": "Whoever runs the service is whom to ask, and the sources do not know them.",
  "owasp:api4:2023-rate-limit":
    "Limits are told where one was reached (429): telling them in every answer would cost each of them a look into Redis.",
  "owasp:api8:2023-define-cors-origin":
    "The header is in answers to the listed origins only, so it is no part of the answers.",
  "owasp:api9:2023-inventory-access": "The service does not know who can reach it.",
  "owasp:api9:2023-inventory-environment": "The same document is served in all of them.",
  "owasp:api2:2023-write-restricted":
    "Whoever signs in has no credential yet; the test below says which operations those are.",
  "owasp:api2:2023-read-restricted": "The same test says which.",
  "owasp:api4:2023-string-restricted":
    "A name or a note is any text: there is no pattern to give. Formats are said where there are any.",
  "owasp:api1:2023-no-numeric-ids":
    "All ids are UUIDs. It takes what may also be another word (`none`) for a number.",
  "owasp:api4:2023-integer-format": "JSON has no such types; the limits are said instead.",
};

/** Rules about what clients may send; of answers, only the service could break them. */
const OF_REQUESTS = ["owasp:api4:2023-string-limit", "owasp:api4:2023-array-limit"];

/** Rules about operations, which the routes that are none (health, keys, this document) need not keep. */
const OF_OPERATIONS = [
  "owasp:api4:2023-rate-limit-responses-429",
  "owasp:api8:2023-define-error-responses-401",
  "owasp:api8:2023-define-error-validation",
];

function at(document: OpenApi, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : {}),
    document,
  );
}

/** Texts whose bounds JSON Schema cannot say, and what they are. */
const BOUNDED: Readonly<Record<string, string>> = {
  password: "72 bytes of UTF-8",
  currentPassword: "72 bytes of UTF-8",
  newPassword: "72 bytes of UTF-8",
  country: "the countries of ISO 3166-1",
  currency: "the currencies of ISO 4217",
  "custom.*": "the head of a request, and by the company's own field",
  propertyNames: "the size of the object",
  userIds: "UUIDs",
};

/** A format or a pattern has its own length, and a content that of the body. */
function bounded(document: OpenApi, path: readonly (string | number)[]): boolean {
  const parameter = Object(at(document, path.slice(0, -1))).name;
  if ([...path, parameter].some((name) => Object.hasOwn(BOUNDED, String(name)))) return true;
  const schema = at(document, path);
  const { format, pattern, contentMediaType } = Object(schema);
  return (format ?? pattern ?? contentMediaType) !== undefined;
}

function excused({ code, path }: IRuleResult, document: OpenApi): boolean {
  const rule = String(code);
  const answer = path[0] === "components" || path.includes("responses");
  if (OF_REQUESTS.includes(rule)) return answer || bounded(document, path);
  const operation = document.paths[String(path[1])]?.[String(path[2])];
  return OF_OPERATIONS.includes(rule) && operation?.tags[0] === "service";
}

describe.each(["user", "crm"])("%s", (service) => {
  // Executables do not tell what they serve.
  test.skipIf(COMPILED !== undefined)("every route is in the document, and nothing else", () => {
    const routes = services.served.find((each) => each.service === service)?.routes ?? [];
    const mounted = routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    const documented = operationsOf(documentOf(service)).map(
      ({ path, method }) => `${method.toUpperCase()} ${path}`,
    );
    expect(documented.toSorted()).toEqual([...new Set(mounted)].toSorted());
    expect(documented.length).toBeGreaterThan(20);
  });

  test("every operation says what it does, in words of the .proto files", () => {
    const wordless = operationsOf(documentOf(service)).filter(
      ({ operation: { summary } }) => !/^[A-Z].* /.test(summary),
    );
    expect(wordless.map(({ path, method }) => `${method} ${path}`)).toEqual([]);
  });

  test("only these can be called without a credential", () => {
    const open = operationsOf(documentOf(service))
      .filter(({ operation }) => operation.security.length === 0)
      .filter(({ operation }) => operation.tags[0] !== "service");
    const expected = ["acceptInvitation", "login", "refresh", "register", "resetPassword"];
    expect(open.map(({ operation }) => operation.operationId).toSorted()).toEqual(
      service === "user" ? expected : [],
    );
  });

  test("Spectral finds nothing, with the rules of OpenAPI and of OWASP", async () => {
    const linter = new spectral.Spectral();
    // Their types are of another version of the same package.
    const extended = [rulesets.oas, owasp] as unknown as [];
    const off = Object.fromEntries(Object.keys(OFF).map((rule) => [rule, "off" as const]));
    linter.setRuleset({ extends: extended, rules: off });
    const document = documentOf(service);
    const found = await linter.run({ ...document });
    const left = found.filter((result) => !excused(result, document));
    expect(left.map(({ code, path, message }) => `${code} ${path.join(".")}: ${message}`)).toEqual(
      [],
    );
  }, 120_000);

  test("is kept by clients until it changes", async () => {
    for (const path of ["/openapi.json", "/docs"]) {
      const first = await fetch(urlOf(service) + path);
      const etag = first.headers.get("etag") ?? "";
      const second = await fetch(urlOf(service) + path, { headers: { "if-none-match": etag } });
      expect([first.status, second.status, await second.text()]).toEqual([200, 304, ""]);
    }
  });
});

describe("an answer that is not as documented is caught", () => {
  const id = "01930b5e-7c1a-7d3f-9a68-2f4be91c0d57";
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "x-request-id": "r1",
    etag: '"1"',
  };
  let check: Checker;
  let lead: Readonly<Record<string, unknown>>;

  beforeAll(() => {
    const document = documentOf("crm");
    check = checker(document);
    const { content } = document.paths["/v1/leads/{id}"]?.["get"]?.responses["200"] ?? {};
    // An object: the schema of an answer's example says so.
    lead = content?.["application/json"]?.example as typeof lead;
  });

  const wrong = (status: number, body: object, given: Record<string, string> = headers) =>
    check("GET", `/v1/leads/${id}`, {
      status,
      headers: new Headers(given),
      body: JSON.stringify(body),
    });

  test("the right one is not", () => expect(wrong(200, lead)).toEqual([]));

  test("a field too many", () => {
    expect(wrong(200, { ...lead, secret: 1 })[0]).toContain("must NOT have additional properties");
  });

  test("a field of another type", () => {
    expect(wrong(200, { ...lead, version: "1" })[0]).toContain("body/version");
  });

  test("a status that is not listed", () => {
    expect(wrong(418, lead)).toEqual(["the status 418 is not listed"]);
  });

  test("headers", () => {
    const { etag: _without, ...others } = headers;
    expect(wrong(200, lead, { ...others, "retry-after": "1" })).toEqual([
      "the header ETag is missing",
      "the header retry-after is not listed",
    ]);
  });

  test("a code of a failure that no source names", () => {
    const problem = { type: "/docs#x", title: "x", status: 404, detail: "x", requestId: "r1" };
    const given = { "content-type": "application/problem+json", "x-request-id": "r1" };
    expect(wrong(404, { ...problem, code: "not_found" }, given)).toEqual([]);
    expect(wrong(404, { ...problem, code: "missing" }, given)[0]).toContain("body/code");
  });

  test("a path that is not there", () => {
    const answer = { status: 200, headers: new Headers(headers), body: "{}" };
    expect(check("GET", "/v1/nothing", answer)).toEqual(["GET /v1/nothing is not in the document"]);
  });
});

describe.skipIf(chromiumPath === undefined)("/docs in Chromium", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: String(chromiumPath),
      // As root, Chromium starts only so.
      args: ["--no-sandbox"],
    });
  }, 60_000);
  afterAll(() => browser.close());

  test.each(["user", "crm"])(
    "of %s lists all operations, and asks nobody else",
    async (service) => {
      const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
      const asked: string[] = [];
      const complaints: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      page.on("console", (message) => complaints.push(message.text()));
      await page.goto(`${urlOf(service)}/docs`);
      expect(asked.filter((url) => !url.startsWith("data:"))).toEqual([`${urlOf(service)}/docs`]);
      expect(complaints).toEqual([]);
      const shown = await page
        .locator("details.operation")
        .evaluateAll((all) => all.map((each) => each.getAttribute("id") ?? ""));
      const ids = operationsOf(documentOf(service)).map(({ operation }) => operation.operationId);
      expect(shown.toSorted()).toEqual(ids.toSorted());
      // What is too wide would have to be scrolled sideways.
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
      await page.goto(`${urlOf(service)}/docs#not_found`);
      expect(await page.locator(":target").getAttribute("id")).toBe("not_found");
      await page.close();
    },
    60_000,
  );
});

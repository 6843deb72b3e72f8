import { afterAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { BUSINESS_EVENTS as CRM_EVENTS } from "../../crm-svc/src/business-events.ts";
import { LABELS as CRM_LABELS } from "../../crm-svc/src/measures.ts";
import { BUSINESS_EVENTS as USER_EVENTS } from "../../user-svc/src/business-events.ts";
import {
  LOGIN_FAULTS,
  SECURITY_EVENTS as USER_SECURITY,
} from "../../user-svc/src/security/event-names.ts";
import { METRICS } from "../monitoring/described.ts";
import { SECURITY_EVENTS } from "../monitoring/log-events.ts";
import { expectCleanLog } from "../testing/cases.ts";
import { http1, http2 } from "../testing/clients/rest.ts";
import { eventually } from "../testing/eventually.ts";
import { COMPILED } from "../testing/service-process.ts";
import { startServices } from "../testing/services.ts";
import { type Series, scrape } from "./exposition.ts";

const WAIT_MS = 20_000;
const services = await startServices();
const { admin, slug } = await services.newTenant();
const connections = [services.userUrl, services.crmUrl].map((url) => [url, http2(url)] as const);
afterAll(async () => {
  for (const [, connection] of connections) connection.close();
  await services.stop();
});

const JSON_TYPE = { "content-type": "application/json" };
const authorization = `Bearer ${admin.accessToken}`;

async function send(
  method: string,
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
) {
  const response = await http1.send(services.crmUrl + path, {
    method,
    headers: { authorization, ...(body && JSON_TYPE), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { ...response, json: response.body.startsWith("{") ? JSON.parse(response.body) : {} };
}

/** The counts of one metric, by their labels in the order given. */
async function counts(url: string, metric: string, ...labels: string[]) {
  const { series } = await scrape(url);
  return Object.fromEntries(
    series
      .filter((each) => each.metric === metric && each.value > 0)
      .map((each) => [labels.map((label) => each.labels[label]).join(" "), each.value]),
  );
}

/** What has been added meanwhile. */
function difference(before: Record<string, number>, after: Record<string, number>) {
  const changed = Object.entries(after).map(
    ([name, count]) => [name, count - (before[name] ?? 0)] as const,
  );
  return Object.fromEntries(changed.filter(([, count]) => count !== 0));
}

describe("what is done is counted once it is done", () => {
  test("contacts, interactions, leads and their ways, and nothing that was refused or repeated", async () => {
    const read = async () => ({
      events: await counts(services.crmUrl, "business_events_total", "event"),
      types: await counts(services.crmUrl, "interactions_logged_total", "type"),
      ways: await counts(services.crmUrl, "lead_transitions_total", "from", "to"),
    });
    const before = await read();
    const key = { "idempotency-key": "counted-once" };
    const contact = { firstName: "Zoë", lastName: "Counted", email: "zoe@company.example" };
    const { json: made } = await send("POST", "/v1/contacts", contact, key);
    expect((await send("POST", "/v1/contacts", contact, key)).status).toBe(201);
    expect((await send("POST", "/v1/contacts", { firstName: 1 })).status).toBe(422);
    expect((await send("POST", "/v1/contacts", contact)).status).toBe(409);

    const call = { type: "call", contactId: made.id, outcome: "connected", durationSeconds: 60 };
    expect((await send("POST", "/v1/interactions", call)).status).toBe(201);
    const lead = { contactId: made.id, title: "Counted" };
    const { json: opened } = await send("POST", "/v1/leads", lead);
    const way = `/v1/leads/${opened.id}/transition`;
    expect((await send("POST", way, { to: "contacted" })).status).toBe(200);
    expect((await send("POST", way, { to: "won" })).status).toBe(409);
    expect((await send("POST", `/v1/leads/${opened.id}/convert`, {})).status).toBeLessThan(300);
    expect((await send("POST", `/v1/leads/${opened.id}/convert`, {})).status).toBeLessThan(300);

    const after = await read();
    expect(difference(before.events, after.events)).toEqual({
      "contact.created": 1,
      "contact.updated": 1,
      "customer.created": 1,
      "interaction.created": 1,
      "lead.converted": 1,
      "lead.created": 1,
      "lead.transitioned": 1,
    });
    expect(difference(before.types, after.types)).toEqual({ call: 1 });
    expect(difference(before.ways, after.ways)).toEqual({
      "new contacted": 1,
      "contacted won": 1,
    });
    const told = services.log.filter((line) => line.includes('"event":"lead.converted"'));
    expect(told.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        level: "info",
        service: "crm-svc",
        entityId: opened.id,
        tenantId: admin.tenant.id,
        actorId: admin.user.id,
        requestId: expect.any(String),
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      }),
    ]);
  });

  test("the rows of an import, when it has ended, and each of its contacts", async () => {
    const rows = () => counts(services.crmUrl, "import_rows_total", "outcome");
    const events = () => counts(services.crmUrl, "business_events_total", "event");
    const before = { rows: await rows(), events: await events() };
    const csv = "First name,Last name,E-mail\nIda,One,ida@company.example\nBo,Two,not an address\n";
    for (const dryRun of [true, false]) {
      const response = await http1.send(`${services.crmUrl}/v1/contacts/imports?dryRun=${dryRun}`, {
        method: "POST",
        headers: { authorization, "content-type": "text/csv" },
        body: csv,
      });
      const { id } = JSON.parse(response.body);
      await eventually(
        async () => (await send("GET", `/v1/contacts/imports/${id}`)).json.status === "done",
        WAIT_MS,
      );
    }
    expect(difference(before.rows, await rows())).toEqual({ created: 1, failed: 1 });
    expect(difference(before.events, await events())).toEqual({
      "contact.created": 1,
      "import.created": 2,
      "import.finished": 1,
    });
  });

  test("searches, by what was typed and how far it was looked for", async () => {
    await send("GET", "/v1/contacts/search?q=zoe");
    await send("GET", "/v1/contacts/search?q=nobody@company.example");
    const { series } = await scrape(services.crmUrl);
    const searches = series.filter(({ metric }) => metric === "contact_search_duration_seconds");
    expect(new Set(searches.map(({ labels }) => labels["kind"]))).toEqual(
      new Set(["words", "email"]),
    );
  });
});

test("a request can be followed through both services by its ids", async () => {
  const requestId = `followed-${Bun.randomUUIDv7()}`;
  const traceId = Bun.randomUUIDv7().replaceAll("-", "");
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
  // Its token has not been seen yet, so crm-svc asks.
  const { accessToken } = (await services.newTenant()).admin;
  const ids = { "x-request-id": requestId, traceparent, authorization: `Bearer ${accessToken}` };
  await send("GET", "/v1/contacts", undefined, ids);
  const lines = services.log
    .filter((line) => line.includes(requestId))
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { service: "user-svc", event: "call", requestId, traceId },
    { service: "crm-svc", event: "request", requestId, traceId },
  ]);
});

test.each([["user-svc", services.userUrl] as const, ["crm-svc", services.crmUrl] as const])(
  "%s serves the metrics that docs/metrics.md lists, with their labels",
  async (name, url) => {
    const { types, series } = await scrape(url);
    const described = [...METRICS.both, ...METRICS[name]];
    const own = [...types].filter(([metric]) => !/^(process|nodejs)_/.test(metric)).toSorted();
    expect(own).toEqual(
      described.map(({ name, type }): [string, string] => [name, type]).toSorted(),
    );
    for (const { metric, labels } of series) {
      const known = described.find((each) => each.name === metric)?.labels;
      if (known === undefined) continue;
      expect({ metric, labels: Object.keys(labels).filter((label) => label !== "le") }).toEqual({
        metric,
        labels: [...known],
      });
    }
  },
);

/** Whatever somebody may send who means no good, different each time. */
async function misuse(): Promise<void> {
  const odd = Bun.randomUUIDv7();
  const headers = {
    "user-agent": `agent ${odd}`,
    "x-request-id": odd,
    "x-forwarded-for": odd,
    traceparent: `00-${odd}`,
    "idempotency-key": odd,
    "content-type": `application/${odd}`,
    origin: `https://${odd}.example`,
    authorization: `Bearer ${odd}`,
  };
  const login = { tenant: slug, email: `${odd}@company.example`, password: odd };
  const paths = [
    `/${odd}`,
    `/v1/${odd}`,
    `/v1/contacts/${odd}`,
    `/v1/contacts/search?q=${odd.replaceAll(/[^a-f]/g, "")}`,
    `/v1/contacts?${odd}=1&cursor=${odd}&sort=${odd}`,
    `/v1/users/${odd}/role`,
    `/crm.v1.ContactService/${odd}`,
    `/${odd}.v1.Service/GetContact`,
    `/metrics/${odd}`,
    `/v1/contacts/%00${odd}`,
    "/crm.v1.ContactService/GetContact",
    "/user.v1.UserService/ValidateToken",
    "/grpc.health.v1.Health/Check",
  ];
  const types = [
    "application/json",
    "application/grpc",
    "application/proto",
    headers["content-type"],
  ];
  for (const [url, overHttp2] of connections) {
    for (const path of paths) {
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]) {
        const request = { method, headers: { ...headers, authorization } };
        await overHttp2.send(url + path, request).catch(() => {});
        await fetch(url + path, { ...request, headers }).catch(() => {});
      }
      for (const type of types) {
        const request = { method: "POST", headers: { authorization, "content-type": type } };
        await overHttp2.send(url + path, { ...request, body: odd }).catch(() => {});
        await fetch(url + path, { ...request, body: odd }).catch(() => {});
      }
    }
    await overHttp2
      .send(`${url}/v1/contacts`, { method: odd.slice(0, 8), headers: {} })
      .catch(() => {});
    await raw(url, `X${odd.slice(0, 8)} /${odd} HTTP/1.1\r\nhost: ${odd}\r\n\r\n`);
    await raw(url, `GET /${odd} HTTP/${odd}\r\n\r\n`);
    await raw(url, odd);
  }
  for (const body of [login, { ...login, tenant: odd }, { ...login, email: admin.user.email }]) {
    await fetch(`${services.userUrl}/v1/auth/login`, {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify(body),
    });
  }
  for (const path of ["/v1/auth/refresh", "/v1/auth/accept-invitation"]) {
    const body = JSON.stringify({ refreshToken: odd, token: odd, password: odd });
    await fetch(services.userUrl + path, { method: "POST", headers: JSON_TYPE, body });
  }
  for (const type of ["call", odd]) {
    await send("POST", "/v1/interactions", { type, metadata: { [odd]: odd }, subject: odd });
  }
  await send("POST", "/v1/contacts", { firstName: odd, tags: [odd], custom: { [odd]: odd } });
}

async function raw(url: string, bytes: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(Number(port), hostname, () => socket.end(bytes));
  socket.on("data", () => {});
  socket.on("close", () => resolve());
  socket.on("error", () => {});
  setTimeout(() => socket.destroy(), 1_000).unref();
  await promise;
}

describe("however it is used, labels are of what is known", () => {
  test("the same misuse with other names makes no more series", async () => {
    await misuse();
    await misuse();
    const first = await seriesNow();
    await misuse();
    const second = await seriesNow();
    const before = new Set(first.map(({ id }) => id));
    expect(second.map(({ id }) => id).filter((id) => !before.has(id))).toEqual([]);
  }, 120_000);

  test.skipIf(COMPILED !== undefined)("and each is one of those that there can be", async () => {
    const unknown = (await seriesNow()).flatMap(({ metric, labels }) =>
      Object.entries(labels).flatMap(([label, value]) => {
        const expected = known(metric)[label];
        const fits = expected instanceof RegExp ? expected.test(value) : expected?.includes(value);
        return fits ? [] : [`${metric} ${label}="${value}"`];
      }),
    );
    expect([...new Set(unknown)]).toEqual([]);
  });

  test("no bug was met on the way", () => {
    expectCleanLog(services);
  });
});

async function seriesNow(): Promise<Series[]> {
  const scraped = await Promise.all([services.userUrl, services.crmUrl].map(scrape));
  return scraped
    .flatMap(({ series }) => series)
    .filter(({ metric }) => !/^(process|nodejs)_/.test(metric));
}

const CODES = [
  // Of Connect, for a method or type of content that it does not know.
  "http_405 http_415",
  "ok canceled unknown invalid_argument deadline_exceeded not_found already_exists permission_denied",
  "resource_exhausted failed_precondition aborted out_of_range unimplemented internal unavailable",
  "data_loss unauthenticated",
].flatMap((words) => words.split(" "));

/** What the labels of a metric may be: those there are of routes, procedures, events, tables. */
function known(metric: string): Readonly<Record<string, readonly string[] | RegExp>> {
  const procedures = services.served.flatMap(({ methods }) =>
    methods.map((method) => `${method.parent.typeName}/${method.name}`),
  );
  const others: Readonly<Record<string, Readonly<Record<string, readonly string[] | RegExp>>>> = {
    peer_call_duration_seconds: { method: ["ValidateToken"] },
    token_checks_total: { outcome: ["ok", "expired", "malformed", "revoked", "failed"] },
    cache_lookups_total: { outcome: ["hit", "miss"] },
    revocations_total: { outcome: ["heard", "malformed", "missed"] },
    redis_command_duration_seconds: { outcome: ["ok", "failed"] },
    import_rows_total: { outcome: ["created", "updated", "skipped", "failed"] },
    job_duration_seconds: { outcome: ["done", "failed", "failed_for_good", "handed_back"] },
    database_connections: { state: ["idle", "busy"] },
    job_queue_jobs: { state: ["waiting", "later", "running", "failed"] },
    peer_retries_total: { outcome: ["made", "withheld"] },
  };
  return {
    ...CRM_LABELS,
    le: /^(\+Inf|[\d.]+)$/,
    method: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"],
    route: ["/*", ...services.served.flatMap(({ routes }) => routes.map(({ path }) => path))],
    status: /^[2-5]\d\d$/,
    procedure: [
      ...procedures,
      ...["Check", "List", "Watch"].map((name) => `grpc.health.v1.Health/${name}`),
    ],
    protocol: ["connect", "grpc", "grpc-web"],
    code: CODES,
    cache: ["tokens"],
    peer: ["user-svc"],
    address: [services.userUrl],
    limit: ["session", "register", "login", "refresh", "account"],
    event: [CRM_EVENTS, USER_EVENTS, USER_SECURITY, SECURITY_EVENTS].flatMap(Object.keys),
    reason: ["", ...LOGIN_FAULTS],
    dependency: ["postgres", "redis", "user-svc", "migrations"],
    statement:
      /^(((select|lock|insert|update|delete|call) (crm|identity|graphile_worker)\.\w+)|select|commit)$/,
    command: ["publish", "subscribe", "ping", "eval", "del"],
    task: [
      "other",
      ...services.served.flatMap(({ jobs }) => jobs.flatMap((job) => [job, `${job}@schedule`])),
    ],
    ...others[metric],
  };
}

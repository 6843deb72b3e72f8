import { afterAll, describe, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { FailureKind } from "@crm/platform/errors";
import type { ApiOperation } from "./api/operation.ts";
import { openClients } from "./clients/all.ts";
import type { CallOptions, Client, Outcome } from "./clients/client.ts";
import type { Role, Session, TestServices, TestTenant } from "./services.ts";

/** A user of the client's own tenant by role, an admin of another tenant, or no one. */
export type Caller = Role | "stranger" | "nobody";

/** What a client has to itself: a tenant with a user of each role. */
export interface World {
  readonly client: Client;
  readonly tenant: TestTenant;
  readonly services: TestServices;
  /** The caller's session; the same one each time. */
  sessionOf(caller: Exclude<Caller, "nobody">): Promise<Session>;
  /** Calls as an admin, unless another caller or token is named. */
  call<Value>(
    operation: ApiOperation<Value>,
    input: JsonObject,
    options?: CallOptions & { readonly as?: Caller },
  ): Promise<Outcome<Value>>;
  /** The value of a call that must succeed. */
  get<Value>(
    operation: ApiOperation<Value>,
    input: JsonObject,
    options?: CallOptions & { readonly as?: Caller },
  ): Promise<Value>;
}

/** How a call is expected to fail, the same over every protocol. */
export interface ExpectedRefusal {
  readonly kind: FailureKind;
  readonly code: string;
  /** Path and rule of each field, in any order; as of REST's body. */
  readonly fields?: readonly string[];
}

/** One call and its outcome. */
export interface Case {
  readonly name: string;
  /** An admin, if it is not said. */
  readonly as?: Caller;
  readonly operation: ApiOperation<unknown>;
  readonly input: JsonObject | ((world: World) => JsonObject | Promise<JsonObject>);
  /** The value has these members, or the call is refused. */
  readonly expected: { readonly value: object } | { readonly refusal: ExpectedRefusal };
  /** Where only these clients can express the input, or know the operation. */
  readonly over?: Client["kind"];
}

/**
 * Describes the same tests for every client (or those of one kind), each with a tenant of its own.
 * Adds a test that the services have logged no bug and no secret, and stops them at the end.
 */
export async function describeForEveryClient(
  services: TestServices,
  tests: (world: World) => void,
  only?: Client["kind"],
): Promise<void> {
  const clients = openClients(services);
  afterAll(async () => {
    for (const client of clients) client.close();
    await services.stop();
  });
  for (const client of clients) {
    if (only !== undefined && client.kind !== only) continue;
    const world = await openWorld(client, services);
    describe(client.name, () => tests(world));
  }
  test("nothing of it was a bug, and the log holds no secret", () => expectCleanLog(services));
}

async function openWorld(client: Client, services: TestServices): Promise<World> {
  const tenant = await services.newTenant();
  const sessions = new Map<Caller, Promise<Session>>([["admin", Promise.resolve(tenant.admin)]]);

  function sessionOf(caller: Exclude<Caller, "nobody">): Promise<Session> {
    const known = sessions.get(caller);
    if (known !== undefined) return known;
    const session =
      caller === "stranger"
        ? services.newTenant().then(({ admin }) => admin)
        : tenant.addUser(caller);
    sessions.set(caller, session);
    return session;
  }

  const call: World["call"] = async (operation, input, { as = "admin", ...options } = {}) => {
    const token = as === "nobody" ? undefined : (await sessionOf(as)).accessToken;
    const outcome = await client.call(operation, input, { token, ...options });
    services.secrets.plant([input, outcome]);
    return outcome;
  };

  return {
    client,
    tenant,
    services,
    sessionOf,
    call,
    async get(operation, input, options) {
      const outcome = await call(operation, input, options);
      if (outcome.ok) return outcome.value;
      throw new Error(`${operation.method.name} was refused: ${JSON.stringify(outcome)}`);
    },
  };
}

/** Makes a test of each case. */
export function testCases(world: World, cases: readonly Case[]): void {
  const { client } = world;
  for (const { name, as = "admin", operation, input, expected, over } of cases) {
    if (over !== undefined && over !== client.kind) continue;
    if (operation.method.methodKind === "client_streaming" && !client.canUpload) continue;
    test(name, async () => {
      const given = typeof input === "function" ? await input(world) : input;
      const outcome = await world.call(operation, given, { as });
      if ("refusal" in expected) expectRefusal(world, outcome, expected.refusal);
      else expect(outcome).toMatchObject({ ok: true, value: expected.value });
    });
  }
}

/** The outcome is that failure, as the contract's table has it for the client's protocol. */
export function expectRefusal(
  { client }: Pick<World, "client">,
  outcome: Outcome<unknown>,
  { kind, code, fields }: ExpectedRefusal,
): void {
  const told = outcome.ok ? outcome : { ...outcome, fields: outcome.fields.toSorted() };
  expect(told).toMatchObject({
    ok: false,
    status: client.statusOf(kind),
    code,
    ...(fields && { fields: fields.toSorted() }),
  });
}

export const unauthenticated = { kind: "unauthenticated", code: "unauthenticated" } as const;
export const forbidden = { kind: "forbidden", code: "forbidden" } as const;
export const notFound = { kind: "notFound", code: "not_found" } as const;

/** Parsed, but these fields are not acceptable: 422 of REST. */
export function invalid(...fields: string[]): ExpectedRefusal {
  return { kind: "invalid", code: "invalid_fields", fields };
}

/** A path or query that cannot be parsed: 400 of REST. */
export function malformed(...fields: string[]): ExpectedRefusal {
  return { kind: "malformed", code: "invalid_fields", fields };
}

/** No line tells of a bug, and none gives away what nobody may read. */
export function expectCleanLog({ log, secrets }: TestServices): void {
  const bugs = log.filter((line) =>
    /"level":"error"|"status":5\d\d|"code":"(internal|unknown)"/.test(line),
  );
  expect(bugs).toEqual([]);
  expect(secrets.findIn(log)).toEqual([]);
}

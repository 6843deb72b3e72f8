import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { getRolePermissions } from "../../testing/api/users.ts";
import { expectCleanLog } from "../../testing/cases.ts";
import { http1 } from "../../testing/clients/rest.ts";
import { COMPILED } from "../../testing/service-process.ts";
import { type Role, startServices } from "../../testing/services.ts";
import { tenantRows } from "../../testing/tenant-rows.ts";
import {
  badCredentials,
  type Caller,
  callersOf,
  limitedCaller,
  populatedTenant,
  traitsOf,
} from "./callers.ts";
import { type Answer, openProtocols, type Protocol } from "./calls.ts";
import { CRM_OPERATIONS } from "./crm-svc.ts";
import { type Described, type Hole, holesOf, inputWith } from "./inputs.ts";
import { PERMISSIONS, permissionList, type Scope } from "./permissions.ts";
import { type Owner, RESOURCES } from "./resources.ts";
import { setRowLevelSecurity } from "./row-level-security.ts";
import { idsNotDescribed, namesDescribed, namesServed, PUBLIC_ROUTES } from "./served.ts";
import { USER_OPERATIONS } from "./user-svc.ts";

// Every operation, by every role, with the ids of its own tenant, of another one and of nothing: who
// may not is told the same of all three, and who may is told the same of another tenant's as of what
// does not exist, to the byte.

const OPERATIONS = [...USER_OPERATIONS, ...CRM_OPERATIONS];
const NOBODYS_ID = Bun.randomUUIDv7();

// One after another, so that a job that was waited for is not still being done by a second worker.
const services = await startServices({ JOBS_AT_ONCE: "1" });
const protocols = openProtocols(services);
afterAll(async () => {
  protocols.close();
  await services.stop();
});

const ours = await populatedTenant(services, "heron", OPERATIONS);
const shared = await populatedTenant(services, "wagtail", OPERATIONS);
const limited = await limitedCaller(services, shared);
const callers = [...(await callersOf(services, ours)), limited];
const credentials = await badCredentials(services, ours.admin);
// Last, and read before anything else is added: it would be on the first page of every list.
const theirs = await populatedTenant(services, "osprey", OPERATIONS);

const { ownerUrl } = services.database;
const rowsBefore = await tenantRows(ownerUrl, theirs.id);
const foreignIn = await traitsOf(services, theirs);
const colleagues = [shared.ids, ...shared.together.values()].flatMap((ids) =>
  Object.values(ids ?? {}),
);

const cases = OPERATIONS.map((described) => [nameOf(described), described] as const);
const guarded = cases
  .filter(([, { needs }]) => needs !== "nothing")
  .toSorted(([, one], [, other]) => Number(isRead(other)) - Number(isRead(one)));
const unguarded = cases.filter(([, { needs }]) => needs === "nothing");
const lists = guarded.filter(
  ([, described]) =>
    described.operation.method.input.fields.some(({ name }) => name === "cursor") &&
    holesOf(described).length === 0,
);

describe("what is tried", () => {
  // Executables do not tell what they serve.
  test.skipIf(COMPILED !== undefined)("is all that the services serve", () => {
    expect(namesDescribed(services.served, OPERATIONS)).toEqual(namesServed(services.served));
  });

  test("has an id wherever a request can have one", () => {
    expect(idsNotDescribed(services.served, OPERATIONS)).toEqual([]);
  });

  test.each(Object.keys(PERMISSIONS) as Role[])("is what the role %s may do", async (role) => {
    const { permissions } = await ours.admin.get(getRolePermissions, { role });
    const granted = permissions.filter(({ scope }) => scope !== "none");
    const named = granted.map((rule) => `${rule.resource}:${rule.action} ${rule.scope}`);
    const table = permissionList(role).map(
      (rule) => `${rule.resource}:${rule.action} ${rule.scope}`,
    );
    expect(named.toSorted()).toEqual(table.toSorted());
  });
});

const { rest, connect, grpc } = protocols;

describe.each([
  // The policies would hide that a query forgets to name the tenant.
  ["over REST, without row-level security", rest, false],
  ["over REST", rest, true],
  ["over Connect", connect, true],
  ["over gRPC", grpc, true],
] as const)("%s,", (_, protocol, secured) => {
  if (!secured) {
    beforeAll(() => setRowLevelSecurity(ownerUrl, "disable"));
    afterAll(() => setRowLevelSecurity(ownerUrl, "enable"));
  }

  const here = ([, { operation }]: (typeof cases)[number]) => protocol.has(operation);

  test.each(guarded.filter(here))("%s", async (_name, described) => {
    await Promise.all(callers.map((caller) => tryAs(caller, described, protocol)));
  });

  test.each(lists.filter(here))(
    "%s takes another tenant's cursor for a forged one",
    async (_name, described) => {
      const input = { ...inputOf(described, () => NOBODYS_ID), limit: 1 };
      const turnTo = (cursor: string) =>
        protocol.call(described.operation, { ...input, cursor }, ours.admin.token);
      const cursor = await nextCursorOf(theirs.admin, described);
      const known = await turnTo(cursor);
      const forged = await turnTo([...cursor].toReversed().join(""));
      expect(known).toEqual(forged);
      expect(protocol.codeOf(known)).toBe("invalid_cursor");
    },
  );

  test.each(unguarded.filter(here))("%s needs no credential", async (_name, described) => {
    const answer = await protocol.call(described.operation, described.input, "nonsense");
    expect(protocol.codeOf(answer)).not.toBe("unauthenticated");
  });

  test("every operation answers every bad credential the same", async () => {
    const answers = new Set<string>();
    for (const token of credentials) {
      for (const [, described] of guarded.filter(here)) {
        const input = inputOf(described, () => NOBODYS_ID);
        const answer = await protocol.call(described.operation, input, token);
        expect(protocol.codeOf(answer)).toBe("unauthenticated");
        answers.add(JSON.stringify(answer));
      }
    }
    // Connect has a form of its own for the answers of streams.
    expect([...answers]).toHaveLength(protocol === connect ? 2 : 1);
  });
});

test.each(PUBLIC_ROUTES)("%s tells nothing of a tenant", async (route) => {
  const path = route.replace("GET ", "");
  for (const url of [services.userUrl, services.crmUrl]) {
    const { body } = await http1.send(url + path, { method: "GET", headers: {} });
    expect(foreignIn(body)).toEqual([]);
  }
});

test("of all this, no row of the other tenant has changed", async () => {
  expect(await tenantRows(ownerUrl, theirs.id)).toEqual(rowsBefore);
});

test("of all this, no row of its own tenants has anything of the other", async () => {
  for (const { id } of [ours, shared]) {
    for (const [table, rows] of await tenantRows(ownerUrl, id)) {
      // The audit log of exports says what was asked for, and so have we.
      const made = rows.filter((row) => !row.includes('"entity": "contactExport"'));
      expect(
        made.filter((row) => foreignIn(row).length > 0).map((row) => `${table}: ${row}`),
      ).toEqual([]);
    }
  }
});

test("nothing of it was a bug, and the log holds no secret", () => expectCleanLog(services));

/** What one caller is answered over one protocol. */
async function tryAs(caller: Caller, described: Described, protocol: Protocol): Promise<void> {
  const { needs, together, refusals = [], filters = false, signsOut = false } = described;
  const scope = caller.scopeOf(needs);
  const doer = signsOut && scope !== undefined ? await caller.another() : caller;
  const own = await ownIds(doer, described, scope);
  const ask = async (ids: ReadonlyMap<string, string>): Promise<Answer> => {
    const input = inputOf(described, ({ path }) => ids.get(path) ?? NOBODYS_ID);
    const answer = await protocol.call(described.operation, input, doer.token);
    expectNothingHidden(doer, answer);
    return answer;
  };
  const holes = holesOf(described);

  if (scope === undefined) {
    const refusal = await ask(own);
    expect(protocol.codeOf(refusal), caller.name).toBe("forbidden");
    for (const { path, kind } of holes) {
      for (const id of [NOBODYS_ID, theirs.ids[kind]]) {
        expect(await ask(new Map([...own, [path, id]])), caller.name).toEqual(refusal);
      }
    }
    return;
  }

  for (const { path, kind } of holes) {
    const where = `${caller.name}, ${path}`;
    const absent = await ask(new Map([...own, [path, NOBODYS_ID]]));
    // Whoever may only touch their own is refused anything that could be another's.
    const expected = [filters ? "ok" : "not_found", ...(scope === "own" ? ["forbidden"] : [])];
    expect(expected, where).toContain(protocol.codeOf(absent));
    const reach = caller.scopeOf(described.reach?.[kind] ?? needs);
    const others = [theirs.ids[kind], ...(reach === "own" ? [caller.tenant.ids[kind]] : [])];
    for (const id of others) {
      expect(await ask(new Map([...own, [path, id]])), where).toEqual(absent);
    }
  }
  if (together !== undefined) {
    const absent = await ask(new Map(holes.map(({ path }) => [path, Bun.randomUUIDv7()])));
    const tenants = [theirs, ...(scope === "own" ? [caller.tenant] : [])];
    for (const tenant of tenants) {
      const ids = new Map(Object.entries(tenant.together.get(described) ?? {}));
      expect(await ask(ids), caller.name).toEqual(absent);
    }
  }
  expect(["ok", ...refusals], caller.name).toContain(protocol.codeOf(await ask(own)));
}

/** For each hole, the id of something that the caller may do it to. */
async function ownIds(
  caller: Caller,
  described: Described,
  scope: Scope | undefined,
): Promise<ReadonlyMap<string, string>> {
  const maker = scope === "own" ? caller : caller.tenant.admin;
  if (described.together) return new Map(Object.entries(await described.together(maker)));
  const ids = new Map<string, string>();
  for (const { path, kind } of holesOf(described)) {
    // What is not to change need not be made again. And users are their own.
    if (scope === undefined || (scope === "all" && isRead(described)))
      ids.set(path, caller.tenant.ids[kind]);
    else if (scope === "own" && kind === "user") ids.set(path, caller.userId);
    else ids.set(path, await RESOURCES[kind](maker));
  }
  return ids;
}

function isRead({ operation: { method } }: Described): boolean {
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

/** The input with these ids in its holes. */
function inputOf(described: Described, idFor: (hole: Hole) => string) {
  return inputWith(described, theirs.admin.word, idFor);
}

function expectNothingHidden(caller: Caller, answer: Answer): void {
  const told = JSON.stringify(answer);
  expect(foreignIn(told), caller.name).toEqual([]);
  if (caller.tenant === shared) expect(colleagues.filter((id) => told.includes(id))).toEqual([]);
}

function nameOf({ operation: { method }, input }: Described): string {
  return `${method.parent.name}.${method.name}(${Object.keys(input).join(", ")})`;
}

/** Where the next page of another tenant's list begins. */
async function nextCursorOf(admin: Owner, described: Described): Promise<string> {
  const input = { ...inputOf(described, () => NOBODYS_ID), limit: 1 };
  // All that lists have in common is that they have this.
  const page = (await admin.get(described.operation, input)) as { nextCursor: string | null };
  if (page.nextCursor === null) throw new Error(`${nameOf(described)} has no second page`);
  return page.nextCursor;
}

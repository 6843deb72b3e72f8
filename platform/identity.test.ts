import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { eventually } from "../tools/testing/eventually.ts";
import { failureOf, kindOf, newRequest } from "../tools/testing/request.ts";
import { hang, refuse, type ScriptedUserService, somebody } from "../tools/testing/user-service.ts";
import { identityClient } from "./identity.ts";
import { inProcessStore } from "./keyvalue.ts";
import { openLog } from "./log.ts";
import { openMetrics } from "./metrics.ts";
import { peerAt } from "./peer.fixtures.ts";
import { announceRevocation } from "./revocation.ts";

setDefaultTimeout(60_000);

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

/** A client, the user-svc that it asks, and the store that it hears revocations from. */
async function setUp() {
  const peer = await peerAt(opened);
  const keyValue = inProcessStore();
  const metrics = openMetrics();
  const log = openLog("test", "error");
  const identity = await identityClient({ urls: [peer.url], keyValue, metrics, log });
  // The first call of all takes long on a busy machine.
  await identity.ping();
  return { peer, keyValue, metrics, identity };
}

const asked = (peer: ScriptedUserService, count: number) =>
  eventually(async () => peer.asked.length === count, 5_000);

/** Has answers wait until one is given for all of them. */
function holdBack(peer: ScriptedUserService) {
  const { promise, resolve } = Promise.withResolvers<ReturnType<typeof somebody>>();
  peer.script = () => promise;
  return resolve;
}

describe("a token", () => {
  test("stands for whom user-svc says, and is asked about once in a while", async () => {
    const { peer, identity, metrics } = await setUp();
    const expiresAt = Date.now() + 60_000;
    const answer = somebody({
      expiresAt: timestampFromMs(expiresAt),
      permissions: [
        { resource: "contacts", action: "read", scope: "all" },
        { resource: "leads", action: "update", scope: "own" },
        { resource: "leads", action: "delete", scope: "some day" },
      ],
    });
    peer.script = () => answer;
    const actor = await identity.authenticate("token", newRequest());
    const { tenantId = "", userId = "", sessionId = "" } = answer;
    expect(actor).toMatchObject({
      kind: "user",
      tenantId,
      userId,
      sessionId,
      role: "sales",
      permissions: new Map([
        ["contacts:read", "all"],
        ["leads:update", "own"],
        ["leads:delete", "own"],
      ]),
      expiresAt,
    });
    for (let n = 0; n < 10; n++) {
      expect(await identity.authenticate("token", newRequest())).toBe(actor);
    }
    expect(peer.asked).toHaveLength(1);
    const { values } = await metrics.cache.get();
    expect(values.map(({ labels, value }) => `${value} ${labels.outcome}`)).toEqual([
      "1 miss",
      "10 hit",
    ]);
  });

  test("is not known beyond its own end, however short its life", async () => {
    const { peer, identity } = await setUp();
    peer.script = () => somebody({ expiresAt: timestampFromMs(Date.now() - 1) });
    await identity.authenticate("token", newRequest());
    await identity.authenticate("token", newRequest());
    expect(peer.asked).toHaveLength(2);
  });

  test("without an end is known for a while like any other", async () => {
    const { peer, identity } = await setUp();
    const { expiresAt: _, ...endless } = somebody({ kind: "apiKey" });
    peer.script = () => endless;
    const actor = await identity.authenticate("crm_key", newRequest());
    expect(actor).toMatchObject({ kind: "apiKey", expiresAt: Number.POSITIVE_INFINITY });
    expect(await identity.authenticate("crm_key", newRequest())).toBe(actor);
    expect(peer.asked).toHaveLength(1);
  });

  test("that is refused is asked about each time, and always refused alike", async () => {
    const { peer, identity } = await setUp();
    for (const reason of ["expired", "revoked", "malformed"]) {
      peer.script = () => {
        throw new ConnectError(reason, Code.Unauthenticated);
      };
      const failure = await failureOf(identity.authenticate("token", newRequest()));
      expect(failure).toMatchObject({
        kind: "unauthenticated",
        code: "unauthenticated",
        facts: {},
      });
    }
    expect(peer.asked).toHaveLength(3);
  });

  test.each([Code.Internal, Code.Unavailable, Code.ResourceExhausted])(
    "that user-svc fails on with code %p is not refused",
    async (code) => {
      const { peer, identity } = await setUp();
      peer.script = () => {
        throw new ConnectError("secret details", code);
      };
      expect(await failureOf(identity.authenticate("token", newRequest()))).toMatchObject({
        kind: "unavailable",
        retryAfter: 1,
      });
    },
  );
});

test("no more tokens are known than there is room for", async () => {
  const { peer, identity, metrics } = await setUp();
  const use = (token: string) => kindOf(identity.authenticate(token, newRequest()));
  await use("token");
  peer.script = refuse;
  // The breaker opens, and what is asked from then on fails soon, but not before it was noted.
  for (let n = 0; n < 5; n++) await use("other");
  expect(await use("token")).toBe("none");
  const many = Array.from({ length: 10_050 }, (_, n) => use(`token-${n}`));
  const { values } = await metrics.cacheEntries.get();
  await Promise.all(many);
  expect(values).toMatchObject([{ value: 10_000, labels: { cache: "tokens" } }]);
  expect(await use("token")).toBe("unavailable");
});

describe("many requests with one token", () => {
  test("ask once", async () => {
    const { peer, identity } = await setUp();
    const answer = holdBack(peer);
    const outcomes = Array.from({ length: 50 }, () => identity.authenticate("token", newRequest()));
    await asked(peer, 1);
    answer(somebody());
    expect(new Set(await Promise.all(outcomes)).size).toBe(1);
    expect(peer.asked).toHaveLength(1);
  });

  test("do not lose their answer when the one that asked hangs up", async () => {
    const { peer, identity } = await setUp();
    const answer = holdBack(peer);
    const leaving = new AbortController();
    const first = identity.authenticate("token", newRequest({ signal: leaving.signal }));
    const others = Array.from({ length: 5 }, () => identity.authenticate("token", newRequest()));
    await asked(peer, 1);
    leaving.abort();
    expect(await kindOf(first)).toBe("deadline");
    answer(somebody());
    expect(new Set(await Promise.all(others)).size).toBe(1);
    expect(peer.asked).toHaveLength(1);
  });

  test("ask again, together, when the time is up of the one that asked", async () => {
    const { peer, identity } = await setUp();
    peer.script = (call) => (peer.asked.length === 1 ? hang(call) : somebody());
    const first = identity.authenticate("token", newRequest({ deadline: Date.now() + 200 }));
    const others = Array.from({ length: 5 }, () => identity.authenticate("token", newRequest()));
    expect(await kindOf(first)).toBe("deadline");
    expect(new Set(await Promise.all(others)).size).toBe(1);
    expect(peer.asked).toHaveLength(2);
  });

  test("cancel the call when the last of them hangs up, and leave nothing behind", async () => {
    const { peer, identity } = await setUp();
    peer.script = hang;
    const callers = [new AbortController(), new AbortController()];
    const outcomes = callers.map(({ signal }) =>
      kindOf(identity.authenticate("token", newRequest({ signal }))),
    );
    await asked(peer, 1);
    callers[0]?.abort();
    await outcomes[0];
    expect(peer.asked[0]?.signal.aborted).toBe(false);
    callers[1]?.abort();
    expect(await Promise.all(outcomes)).toEqual(["deadline", "deadline"]);
    peer.script = () => somebody();
    // It does not join the call that was cancelled.
    expect(await kindOf(identity.authenticate("token", newRequest()))).toBe("none");
    await eventually(async () => peer.asked[0]?.signal.aborted === true, 5_000);
    expect(peer.asked).toHaveLength(2);
  });
});

describe("a request's time", () => {
  test("bounds the call's, and ends the waiting", async () => {
    const { peer, identity } = await setUp();
    peer.script = hang;
    const deadline = Date.now() + 400;
    expect(await kindOf(identity.authenticate("token", newRequest({ deadline })))).toBe("deadline");
    expect(peer.asked[0]?.timeoutMs).toBeWithin(1, 401);
    await eventually(async () => peer.asked[0]?.signal.aborted === true, 5_000);
  });

  test("is not spent on a user-svc that does not answer: that is unavailable", async () => {
    const { peer, identity } = await setUp();
    peer.script = hang;
    const request = newRequest({ deadline: Date.now() + 60_000 });
    expect(await kindOf(identity.authenticate("token", request))).toBe("unavailable");
    expect(peer.asked.length).toBeWithin(2, 4);
  });

  test("that is over already asks nothing of anybody for long", async () => {
    const { peer, identity } = await setUp();
    peer.script = hang;
    const late = newRequest({ deadline: Date.now() - 1_000 });
    const gone = newRequest({ signal: AbortSignal.abort() });
    expect(await kindOf(identity.authenticate("token", late))).toBe("deadline");
    expect(await kindOf(identity.authenticate("other", gone))).toBe("deadline");
  });
});

describe("a revocation", () => {
  const ids = { tenantId: Bun.randomUUIDv7(), userId: Bun.randomUUIDv7() };
  const [here, elsewhere] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  const holders = {
    here: somebody({ ...ids, sessionId: here }),
    elsewhere: somebody({ ...ids, sessionId: elsewhere }),
    colleague: somebody({ tenantId: ids.tenantId }),
    stranger: somebody(),
  };

  test.each([
    [{ tenantId: ids.tenantId, sessionId: here }, ["here"]],
    [ids, ["here", "elsewhere"]],
    [{ tenantId: ids.tenantId }, ["here", "elsewhere", "colleague"]],
    [{ tenantId: Bun.randomUUIDv7(), userId: ids.userId }, []],
  ])("of %j has user-svc asked again about exactly those", async (revocation, concerned) => {
    const { peer, identity, keyValue } = await setUp();
    const answers = new Map(Object.entries(holders));
    peer.script = ({ token }) => answers.get(token) ?? refuse();
    const useAll = async () => {
      for (const token of answers.keys()) await identity.authenticate(token, newRequest());
      return peer.asked.splice(0).map(({ token }) => token);
    };
    expect(await useAll()).toEqual([...answers.keys()]);
    expect(await useAll()).toEqual([]);
    await announceRevocation(keyValue, revocation);
    expect(await useAll()).toEqual(concerned);
  });

  test("is not undone by an answer that was on its way", async () => {
    const { peer, identity, keyValue } = await setUp();
    const answer = holdBack(peer);
    const early = identity.authenticate("token", newRequest());
    await asked(peer, 1);
    await announceRevocation(keyValue, { tenantId: ids.tenantId, sessionId: here });
    peer.script = () => {
      throw new ConnectError("revoked", Code.Unauthenticated);
    };
    answer(holders.here);
    // It had asked before; whoever asks now must not be told the same.
    expect(await kindOf(early)).toBe("none");
    expect(await kindOf(identity.authenticate("token", newRequest()))).toBe("unauthenticated");
  });

  test("that is malformed changes nothing but a number", async () => {
    const { peer, identity, keyValue, metrics } = await setUp();
    await identity.authenticate("token", newRequest());
    await keyValue.publish("identity:revoked", "everybody!");
    await identity.authenticate("token", newRequest());
    expect(peer.asked).toHaveLength(1);
    const { values } = await metrics.revocations.get();
    expect(values).toContainEqual({ value: 1, labels: { outcome: "malformed" } });
  });
});

test("the ready check asks whether user-svc answers", async () => {
  const { peer, identity } = await setUp();
  const before = peer.probes.length;
  await identity.ping();
  expect(peer.probes).toHaveLength(before + 1);
  peer.script = refuse;
  expect(await kindOf(identity.ping())).toContain("not now");
});

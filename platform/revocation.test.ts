import { expect, test } from "bun:test";
import { inProcessStore } from "./keyvalue.ts";
import { announceRevocation, onRevocation, type Revocation, revokes } from "./revocation.ts";

const [tenantId, userId, sessionId, other] = [
  "018f0000-0000-7000-8000-000000000001",
  "018f0000-0000-7000-8000-000000000002",
  "018f0000-0000-7000-8000-000000000003",
  "018f0000-0000-7000-8000-000000000004",
] as const;

test.each<[concerned: boolean, revocation: Revocation]>([
  [true, { tenantId }],
  [true, { tenantId, userId }],
  [true, { tenantId, sessionId }],
  [true, { tenantId, userId, sessionId }],
  [false, { tenantId: other }],
  [false, { tenantId: other, userId, sessionId }],
  [false, { tenantId, userId: other }],
  [false, { tenantId, sessionId: other }],
  [false, { tenantId, userId, sessionId: other }],
])("it is %p that a session is concerned by %j", (concerned, revocation) => {
  expect(revokes(revocation, { tenantId, userId, sessionId })).toBe(concerned);
});

test("what is announced is heard; what is malformed is told apart", async () => {
  const store = inProcessStore();
  const heard: (Revocation | string)[] = [];
  onRevocation(store, {
    revoked: (revocation) => heard.push(revocation),
    missed: () => heard.push("missed"),
    malformed: () => heard.push("malformed"),
  });
  await announceRevocation(store, { tenantId, sessionId });
  for (const message of ["", "null", "{", sessionId, "{}", JSON.stringify({ tenantId: 1 })]) {
    await store.publish("identity:revoked", message);
  }
  await store.publish("identity:revoked", JSON.stringify({ tenantId, region: "north" }));
  expect(heard).toEqual([
    // Before it could listen.
    "missed",
    { tenantId, sessionId },
    ...Array.from({ length: 6 }, () => "malformed"),
    { tenantId },
  ]);
});

import { afterAll, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { createApiKey } from "../../../../tools/testing/api/api-keys.ts";
import {
  claimNextReview,
  createInteraction,
  reviewInteraction,
} from "../../../../tools/testing/api/interactions.ts";
import type { ApiOperation } from "../../../../tools/testing/api/operation.ts";
import { expectCleanLog } from "../../../../tools/testing/cases.ts";
import { openClients } from "../../../../tools/testing/clients/all.ts";
import { startServices } from "../../../../tools/testing/services.ts";

// Many who ask at once, over one protocol: which one makes no difference to who gets what.

const services = await startServices();
const clients = openClients(services);
afterAll(async () => {
  for (const client of clients) client.close();
  await services.stop();
});
const [client] = clients;
if (client === undefined) throw new Error("there is no client");

const tenant = await services.newTenant();
const reviewers = await Promise.all(Array.from({ length: 5 }, () => tenant.addUser("manager")));

const call = <Value>(operation: ApiOperation<Value>, input: JsonObject, token: string) =>
  client.call(operation, input, { token });

async function log(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 0; number < count; number++) {
    const input = { interaction: { type: "note", subject: `Number ${number}` } };
    const outcome = await call(createInteraction, input, tenant.admin.accessToken);
    if (!outcome.ok) throw new Error(outcome.message);
    ids.push(outcome.value.id);
  }
  return ids;
}

/** Fifty calls at once, by the reviewers in turn. */
function byAll<Result>(ask: (token: string, userId: string) => Promise<Result>): Promise<Result[]> {
  return Promise.all(
    Array.from({ length: 50 }, (_, at) => {
      const reviewer = reviewers[at % reviewers.length];
      if (reviewer === undefined) throw new Error("there are no reviewers");
      return ask(reviewer.accessToken, reviewer.user.id);
    }),
  );
}

test("of 50 who claim one at once, all calls of one reviewer succeed, and no other's", async () => {
  const [id = ""] = await log(1);
  const outcomes = await byAll(async (token, userId) => ({
    userId,
    outcome: await call(reviewInteraction, { id, action: "claim" }, token),
  }));
  const winners = outcomes.filter(({ outcome }) => outcome.ok);
  expect(winners).toHaveLength(10);
  const [winner] = winners;
  for (const { userId, outcome } of outcomes) {
    if (outcome.ok) {
      expect(userId).toBe(winner?.userId ?? "");
      expect(outcome.value.review?.claimedBy).toBe(userId);
    } else {
      expect(outcome).toMatchObject({ status: client.statusOf("wrongState"), code: "claimed" });
    }
  }
  const token = reviewers.find(({ user }) => user.id === winner?.userId)?.accessToken ?? "";
  const dismissed = await call(reviewInteraction, { id, action: "dismiss", reason: "R" }, token);
  expect(dismissed.ok).toBe(true);
});

test("of 50 who claim the next at once, no two get the same, and the oldest go first", async () => {
  const ids = await log(40);
  const outcomes = await byAll((token) => call(claimNextReview, {}, token));
  const claimed = outcomes.map((outcome) => {
    if (!outcome.ok) throw new Error(outcome.message);
    return outcome.value?.id ?? null;
  });
  const got = claimed.filter((id) => id !== null);
  expect(new Set(got).size).toBe(got.length);
  expect(got.toSorted()).toEqual(ids.toSorted());
  expect(claimed.filter((id) => id === null)).toHaveLength(10);
  const [one = "", other = ""] = await log(2);
  const token = reviewers[0]?.accessToken ?? "";
  for (const id of [one, other]) {
    expect(await call(claimNextReview, {}, token)).toMatchObject({ ok: true, value: { id } });
  }
});

test("a program claims nothing", async () => {
  await log(1);
  const { accessToken } = tenant.admin;
  const made = await call(createApiKey, { name: "Reviewing", role: "admin" }, accessToken);
  if (!made.ok) throw new Error(made.message);
  services.secrets.plant(made.value);
  const outcome = await call(claimNextReview, {}, made.value.key);
  expect(outcome).toMatchObject({ ok: false, status: client.statusOf("forbidden") });
});

test("nothing of it was a bug, and the log holds no secret", () => expectCleanLog(services));

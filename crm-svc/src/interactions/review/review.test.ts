import { expect, test } from "bun:test";
import { withClient } from "../../../../tools/local/database.ts";
import { createContact } from "../../../../tools/testing/api/contacts.ts";
import {
  claimNextReview,
  createInteraction,
  getInteraction,
  listInteractions,
  listMatchCandidates,
  listReviewQueue,
  reviewInteraction,
  updateInteraction,
} from "../../../../tools/testing/api/interactions.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  forbidden,
  invalid,
  malformed,
  notFound,
  testCases,
  unauthenticated,
  type World,
} from "../../../../tools/testing/cases.ts";
import { startServices } from "../../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();

const services = await startServices();

const logged = async (world: World, interaction: Record<string, string> = {}): Promise<string> => {
  const added = await world.get(createInteraction, {
    interaction: { type: "call", ...interaction },
  });
  return added.id;
};

const cases: readonly Case[] = [
  ...(
    [
      [listReviewQueue, {}],
      [reviewInteraction, { id: NOBODYS_ID, action: "claim" }],
      [claimNextReview, {}],
      [listMatchCandidates, { id: NOBODYS_ID }],
    ] as const
  ).flatMap(([operation, input]): Case[] => [
    {
      name: `${operation.method.name} is for users only`,
      as: "nobody",
      operation,
      input,
      expected: { refusal: unauthenticated },
    },
    {
      name: `${operation.method.name} is not for sales`,
      as: "sales",
      operation,
      input,
      expected: { refusal: forbidden },
    },
  ]),
  ...(
    [
      ["an action that there is not", { action: "approve" }, invalid("action invalid_type")],
      ["a dismissal without a reason", { action: "dismiss" }, invalid("reason required")],
      ["a match without a contact", { action: "match" }, invalid("contactId required")],
      [
        "a completion that leaves something out",
        { action: "complete", outcome: "connected" },
        invalid("contactId required", "durationSeconds required"),
      ],
      [
        "an outcome of another type",
        { action: "complete", outcome: "held" },
        invalid("contactId required", "durationSeconds required", "outcome not_offered"),
      ],
      ["a contact that is not there", { action: "match", contactId: NOBODYS_ID }, notFound],
      ["a user who is not there", { action: "assign", assignedTo: NOBODYS_ID }, notFound],
      [
        "what belongs to another action",
        { action: "claim", reason: "R" },
        invalid("reason unknown_field"),
      ],
    ] as const
  ).map(
    ([name, input, refusal]): Case => ({
      name: `refuses ${name}`,
      operation: reviewInteraction,
      input: async (world) => ({ id: await logged(world), ...input }),
      expected: { refusal },
    }),
  ),
  {
    name: "refuses an interaction that is not there",
    operation: reviewInteraction,
    input: { id: NOBODYS_ID, action: "claim" },
    expected: { refusal: notFound },
  },
  {
    name: "refuses filters that make no sense",
    operation: listReviewQueue,
    input: { assignedTo: "you", missing: "body" },
    expected: { refusal: malformed("assignedTo invalid_format", "missing invalid_value") },
  },
];

await describeForEveryClient(services, (world) => {
  testCases(world, cases);

  test("that nothing is there to claim is the answer to a repetition, too", async () => {
    const options = { as: "stranger", idempotencyKey: `key-${Bun.randomUUIDv7()}` } as const;
    expect(await world.get(claimNextReview, {}, options)).toBeNull();
    expect(await world.get(claimNextReview, {}, options)).toBeNull();
  });

  test("the queue is oldest first, and filtered by what is missing and who is to look", async () => {
    const { user } = await world.sessionOf("manager");
    const first = await logged(world);
    const second = await logged(world, { type: "note" });
    await world.get(reviewInteraction, { id: second, action: "assign", assignedTo: user.id });
    const ids = async (filter: Record<string, string>): Promise<string[]> => {
      const all: string[] = [];
      let cursor: string | null = null;
      do {
        const page: ReturnType<typeof listReviewQueue.value.parse> = await world.get(
          listReviewQueue,
          { limit: 3, ...filter, ...(cursor && { cursor }) },
        );
        all.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return all;
    };
    const all = await ids({});
    expect(all.indexOf(first)).toBeGreaterThan(-1);
    expect(all.indexOf(second)).toBe(all.indexOf(first) + 1);
    expect(await ids({ assignedTo: user.id })).toEqual([second]);
    expect(await ids({ assignedTo: "me" })).toEqual([]);
    expect(await ids({ assignedTo: "none" })).not.toContain(second);
    expect(await ids({ missing: "outcome" })).not.toContain(second);
    expect(await ids({ missing: "contactId" })).toContain(second);
  });

  test("one reviewer at a time, until the claim ends", async () => {
    const id = await logged(world);
    const { user } = await world.sessionOf("manager");
    const claim = { id, action: "claim" };
    const claimed = await world.get(reviewInteraction, claim, { as: "manager" });
    expect(claimed.review).toMatchObject({ status: "pending", claimedBy: user.id });
    const left = Date.parse(claimed.review?.claimedUntil ?? "") - Date.now();
    expect(left).toBeGreaterThan(14 * 60_000);
    expect(left).toBeLessThan(16 * 60_000);
    await world.get(reviewInteraction, claim, { as: "manager" });
    for (const input of [claim, { id, action: "dismiss", reason: "R" }]) {
      const refusal = await world.call(reviewInteraction, input);
      expectRefusal(world, refusal, { kind: "wrongState", code: "claimed" });
      expect(refusal).toMatchObject({ facts: { claimedBy: user.id } });
    }
    await withClient(services.database.ownerUrl, (owner) =>
      owner.query("UPDATE crm.interactions SET claimed_until = now() WHERE interaction_id = $1", [
        id,
      ]),
    );
    expect((await world.get(getInteraction, { id })).review?.claimedBy).toBeNull();
    const taken = await world.get(reviewInteraction, claim);
    expect(taken.review?.claimedBy).not.toBe(user.id);
  });

  test("what is assigned is another's to claim", async () => {
    const id = await logged(world);
    const { user } = await world.sessionOf("manager");
    const assigned = await world.get(reviewInteraction, {
      id,
      action: "assign",
      assignedTo: user.id,
    });
    expect(assigned.review?.assignedTo).toBe(user.id);
    const refusal = await world.call(reviewInteraction, { id, action: "claim" });
    expectRefusal(world, refusal, { kind: "wrongState", code: "assigned" });
    const freed = await world.get(reviewInteraction, { id, action: "assign", assignedTo: null });
    expect(freed.review?.assignedTo).toBeNull();
    await world.get(reviewInteraction, { id, action: "claim" });
  });

  test("who is disabled is not given anything to look at", async () => {
    const id = await logged(world);
    const { user } = await world.tenant.addUser("manager");
    await withClient(services.database.ownerUrl, (owner) =>
      owner.query("UPDATE identity.users SET status = 'disabled' WHERE user_id = $1", [user.id]),
    );
    const refusal = await world.call(reviewInteraction, {
      id,
      action: "assign",
      assignedTo: user.id,
    });
    expectRefusal(world, refusal, invalid("assignedTo user_not_active"));
  });

  test("candidates are proposed by address, number and name; a match and a completion end it", async () => {
    const tag = world.client.name.replace(/\W/g, "").toLowerCase();
    const contact = {
      firstName: "Wilhelmina",
      lastName: `Quast${tag}`,
      email: `wq@${tag}.example`,
    };
    const { id: contactId } = await world.get(createContact, { contact });
    const interaction = {
      type: "call",
      participant: { name: `Quast${tag}, Wilhelmina`, email: `w.quast@other-${tag}.example` },
    };
    const { id } = await world.get(createInteraction, { interaction });
    const { items } = await world.get(listMatchCandidates, { id });
    expect(items[0]).toMatchObject({ contactId, ...contact, reasons: ["name"] });
    const unnamed = await logged(world);
    expect(await world.get(listMatchCandidates, { id: unnamed })).toEqual({ items: [] });

    const matched = await world.get(reviewInteraction, { id, action: "match", contactId });
    expect(matched).toMatchObject({ contactId, missing: ["outcome", "durationSeconds"] });
    const completed = await world.get(reviewInteraction, {
      id,
      action: "complete",
      outcome: "connected",
      durationSeconds: 61,
    });
    expect(completed).toMatchObject({ missing: [], review: null, durationSeconds: 61 });
    const again = await world.call(reviewInteraction, { id, action: "dismiss", reason: "R" });
    expectRefusal(world, again, { kind: "wrongState", code: "not_in_review" });
    const queue = await world.get(listReviewQueue, { limit: 100 });
    expect(queue.items.map((item) => item.id)).not.toContain(id);
    const listed = await world.get(listInteractions, { contactId });
    expect(listed.items).toEqual([completed]);
  });

  test("what is dismissed is out of the queue, with its reason; so is what a change completes", async () => {
    const dismissedId = await logged(world);
    const dismissed = await world.get(reviewInteraction, {
      id: dismissedId,
      action: "dismiss",
      reason: " Spam ",
    });
    expect(dismissed.review).toMatchObject({ status: "dismissed", reason: "Spam" });
    const { id: contactId } = await world.get(createContact, {
      contact: { lastName: "Completing" },
    });
    const changedId = await logged(world, { type: "note" });
    await world.get(updateInteraction, { id: changedId, interaction: { contactId } });
    const queue = await world.get(listReviewQueue, { limit: 100 });
    const ids = queue.items.map(({ id }) => id);
    expect(ids).not.toContain(dismissedId);
    expect(ids).not.toContain(changedId);
  });
});

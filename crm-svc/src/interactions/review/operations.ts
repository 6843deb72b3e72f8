import type { Actor } from "@crm/platform/context";
import { Failure, invalid, notFound } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import type { Kysely } from "kysely";
import { z } from "zod";
import { candidatesFor } from "../../duplicates/candidates.ts";
import { findContacts } from "../../duplicates/queries.ts";
import { read, write } from "../../services.ts";
import type { DB } from "../../tables.gen.ts";
import { contactReach, reachableContact } from "../accept.ts";
import { changeEntry, valuesOf } from "../operations.ts";
import { findInteraction, lockInteraction, updateInteraction } from "../queries.ts";
import { faultsOf, missingOf } from "../rules.ts";
import {
  type Interaction,
  type InteractionValues,
  interaction,
  interactionPage,
} from "../schema.ts";
import { identityOf } from "./identity.ts";
import * as queries from "./queries.ts";
import {
  candidates,
  candidatesInput,
  claimed,
  claimNextInput,
  MAX_CANDIDATES,
  queueInput,
  type Review,
  reviewInput,
} from "./schema.ts";

const queuePosition = z.tuple([z.string(), z.uuid()]);

/** The interactions of which something is missing, the one that has waited longest first. */
export const listReviewQueue = read({
  name: "interactions.review.list",
  access: "interactions:review",
  input: queueInput,
  output: interactionPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor, assignedTo, missing }) {
    const { cursors } = context.services;
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const list = ["interactions.review", reach, assignedTo, missing, actor.userId];
    const position = cursors.open(list, cursor, queuePosition);
    const after = position && { createdAt: position[0], id: position[1] };
    const filter = {
      missing,
      assignedTo: assignedTo === "me" ? actor.userId : assignedTo === "none" ? null : assignedTo,
    };
    const rows = await queries.listQueue(db, reach, filter, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.createdAt, last.id]));
  },
});

/**
 * What a reviewer does with an interaction of the queue. Throws `notFound` (for a contact and a user,
 * too), `forbidden` for who would assign with the scope `own`, `wrongState` if it is not in the queue, or while another reviewer is at it, and `invalid` if
 * something would still be missing once it is complete.
 */
export const reviewInteraction = write({
  name: "interactions.review",
  access: "interactions:review",
  input: reviewInput,
  output: interaction,
  async run({ db, actor, ownerOnly }, review) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const before = await lockInteraction(db, reach, review.id);
    if (before === null) throw notFound("interaction");
    if (before.review?.status !== "pending") {
      const how = before.review === null ? "is complete" : "was dismissed";
      throw new Failure(
        "wrongState",
        "not_in_review",
        `The interaction ${how}: nothing is to be done.`,
      );
    }
    refuseClaimed(before.review, actor);
    const { after, action } = await carryOut({ db, actor, ownerOnly }, before, review);
    return { output: after, audit: changeEntry(action, before, after) };
  },
});

/** Makes the interaction that has waited longest the caller's for a while; null if there is none. */
export const claimNextReview = write({
  name: "interactions.review.claimNext",
  access: "interactions:review",
  input: claimNextInput,
  output: claimed,
  async run({ db, actor, ownerOnly }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const next = await queries.claimNext(db, reach, reviewerId(actor));
    if (next === null) return { output: null, audit: [] };
    const entry = { entity: "interaction", entityId: next.id, action: "claimed", before: null };
    return { output: next, audit: { ...entry, after: { review: next.review } } };
  },
});

/** The contacts that an interaction may have been with, the likeliest first. Throws `notFound`. */
export const listMatchCandidates = read({
  name: "interactions.review.candidates",
  access: "interactions:review",
  input: candidatesInput,
  output: candidates,
  async run({ db, actor, ownerOnly }, { id }) {
    const { tenantId } = actor;
    const of = await findInteraction(db, { tenantId, ownedBy: ownerOnly }, id);
    if (of === null) throw notFound("interaction");
    const reach = contactReach(actor);
    if (of.participant === null || reach === null) return { items: [] };
    const likely = (await candidatesFor(db, tenantId, identityOf(of.participant), null))
      .filter(({ ownerUserId }) => reach.ownedBy === null || ownerUserId === reach.ownedBy)
      .slice(0, MAX_CANDIDATES);
    const ids = likely.map(({ contactId }) => contactId);
    const contacts = new Map(
      (await findContacts(db, tenantId, ids)).map((contact) => [contact.id, contact]),
    );
    return {
      items: likely.flatMap(({ contactId, score, reasons }) => {
        const contact = contacts.get(contactId);
        // It may have gone since it was found.
        if (contact === undefined) return [];
        const { firstName, lastName, company, email, phone } = contact;
        const told = { contactId, firstName, lastName, company, email, phone };
        return [{ ...told, score, reasons: [...reasons] }];
      }),
    };
  },
});

interface Reviewing {
  readonly db: Kysely<DB>;
  readonly actor: Actor;
  readonly ownerOnly: string | null;
}

/** What was done, and by which name the audit log keeps it. */
async function carryOut(
  reviewing: Reviewing,
  before: Interaction,
  review: Review,
): Promise<{ readonly after: Interaction; readonly action: string }> {
  const { db, actor } = reviewing;
  const { tenantId } = actor;
  const { id } = before;
  switch (review.action) {
    case "claim": {
      const userId = reviewerId(actor);
      refuseAssigned(before.review, userId);
      return { after: await queries.claim(db, tenantId, id, userId), action: "claimed" };
    }
    case "assign": {
      if (review.assignedTo !== null) await refuseAssignee(reviewing, review.assignedTo);
      const after = await queries.assign(db, tenantId, id, review.assignedTo);
      return { after, action: "assigned" };
    }
    case "dismiss": {
      const after = await queries.dismiss(db, tenantId, id, review.reason);
      return { after, action: "dismissed" };
    }
    case "match": {
      const contactId = await reachableContact(reviewing, review.contactId);
      const values = { ...valuesOf(before), contactId };
      return { after: await updateInteraction(db, tenantId, id, values), action: "matched" };
    }
    case "complete": {
      const { contactId, outcome, durationSeconds } = review;
      const former = valuesOf(before);
      const values: InteractionValues = {
        ...former,
        ...(outcome !== undefined && { outcome }),
        ...(durationSeconds !== undefined && { durationSeconds }),
        ...(contactId !== undefined && {
          contactId: await reachableContact(reviewing, contactId),
        }),
      };
      refuseIncomplete(values, former);
      return { after: await updateInteraction(db, tenantId, id, values), action: "completed" };
    }
  }
}

function refuseIncomplete(values: InteractionValues, former: InteractionValues): void {
  const faults = faultsOf(values, former, new Date());
  const missing = missingOf(values).map((path) => ({
    path,
    code: "required",
    message: "is still missing: give it, or dismiss the interaction",
  }));
  if (faults.length + missing.length > 0) throw invalid([...faults, ...missing]);
}

/** Who is at it counts, not who is to look at it. */
function refuseClaimed(review: NonNullable<Interaction["review"]>, { userId }: Actor): void {
  const { claimedBy, claimedUntil } = review;
  if (claimedBy === null || claimedBy === userId) return;
  throw new Failure(
    "wrongState",
    "claimed",
    `Another reviewer is at this interaction, until ${claimedUntil} at the latest: take another one.`,
    { facts: { claimedBy, claimedUntil } },
  );
}

function refuseAssigned(review: Interaction["review"], userId: string): void {
  const assignedTo = review?.assignedTo ?? null;
  if (assignedTo === null || assignedTo === userId) return;
  throw new Failure(
    "wrongState",
    "assigned",
    "The interaction is assigned to another reviewer: assign it anew, or take another one.",
    { facts: { assignedTo } },
  );
}

async function refuseAssignee({ db, actor, ownerOnly }: Reviewing, userId: string): Promise<void> {
  if (ownerOnly !== null && userId !== ownerOnly) {
    const message = "Your role may only review its own interactions, not assign them.";
    throw new Failure("forbidden", "forbidden", message);
  }
  const status = await queries.findUserStatus(db, actor.tenantId, userId);
  if (status === null) {
    throw new Failure("notFound", "not_found", "There is no such user to assign it to.", {
      fields: [{ path: "assignedTo", code: "not_found", message: "is not a user" }],
    });
  }
  if (status === "active") return;
  const message = "is not an active user, who could look at it";
  throw invalid([{ path: "assignedTo", code: "user_not_active", message }]);
}

/** Claims are people's: a program is nobody who others would have to wait for. */
function reviewerId(actor: Actor): string {
  if (actor.kind === "user") return actor.userId;
  const message = "A program cannot claim an interaction: assign it to a user, or complete it.";
  throw new Failure("forbidden", "forbidden", message);
}

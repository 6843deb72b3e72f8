import { type AuditEntry, changedFields } from "@crm/platform/audit";
import type { Actor } from "@crm/platform/context";
import { notFound, stale } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import type { Kysely } from "kysely";
import { z } from "zod";
import { findSuccessorId } from "../contacts/queries.ts";
import { read, write } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { refuseFaults, withContact, withPhone } from "./accept.ts";
import * as queries from "./queries.ts";
import { applyPatch, newInteraction } from "./rules.ts";
import {
  createInput,
  deleteInput,
  getInput,
  type Interaction,
  type InteractionFilter,
  type InteractionValues,
  interaction,
  interactionPage,
  listInput,
  updateInput,
} from "./schema.ts";

/**
 * Logs an interaction, as the caller's. What is missing is told, and does not stop it. Throws `notFound`
 * for a contact that is not there, `invalid` for an outcome that its type has not got, a time that is
 * too far ahead, or metadata that are too large.
 */
export const createInteraction = write({
  name: "interactions.create",
  access: "interactions:create",
  input: createInput,
  output: interaction,
  async run({ db, actor }, { interaction: fields }) {
    const values = newInteraction(await withPhone({ db, actor }, fields), new Date());
    refuseFaults(values, null);
    const added = await queries.insertInteraction(db, actor.tenantId, {
      id: Bun.randomUUIDv7(),
      // An API key is no user.
      userId: actor.kind === "user" ? actor.userId : null,
      values: await withContact({ db, actor }, values),
    });
    return {
      output: added,
      audit: {
        entity: "interaction",
        entityId: added.id,
        action: "created",
        before: null,
        after: added,
      },
    };
  },
});

/** One interaction. Throws `notFound`. */
export const getInteraction = read({
  name: "interactions.get",
  access: "interactions:read",
  input: getInput,
  output: interaction,
  async run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const there = await queries.findInteraction(db, reach, id);
    if (there === null) throw notFound("interaction");
    return there;
  },
});

const listPosition = z.tuple([z.string(), z.uuid()]);

/** The interactions that all filters let through, newest first. */
export const listInteractions = read({
  name: "interactions.list",
  access: "interactions:read",
  input: listInput,
  output: interactionPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor, ...given }) {
    const { cursors } = context.services;
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const filter = await rowFilter(db, actor, given);
    const list = ["interactions.list", reach, filter];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { occurredAt: position[0], id: position[1] };
    const rows = await queries.listInteractions(db, reach, filter, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.occurredAt, last.id]));
  },
});

/**
 * Changes some fields; what completes it takes it out of the review queue. Throws `notFound`, `stale` if
 * an expected version is not the current, and what createInteraction throws.
 */
export const updateInteraction = write({
  name: "interactions.update",
  access: "interactions:update",
  input: updateInput,
  output: interaction,
  async run({ db, actor, ownerOnly }, { id, interaction: patch, expectedVersion }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const before = current(await queries.lockInteraction(db, reach, id), expectedVersion);
    const former = valuesOf(before);
    const patched = applyPatch(former, await withPhone({ db, actor }, patch));
    refuseFaults(patched, former);
    // Who is known already need not be looked for again, nor be within the caller's reach.
    const moved =
      patched.contactId !== former.contactId ||
      (patched.contactId === null && patch.participant !== undefined);
    const values = moved ? await withContact({ db, actor }, patched) : patched;
    if (changedFields(former, values) === null) return { output: before, audit: [] };
    const after = await queries.updateInteraction(db, actor.tenantId, id, values);
    return { output: after, audit: changeEntry("updated", before, after) };
  },
});

/** Deletes an interaction; it is kept, but nobody sees it. Throws `notFound` and `stale`. */
export const deleteInteraction = write({
  name: "interactions.delete",
  access: "interactions:delete",
  input: deleteInput,
  output: z.void(),
  async run({ db, actor, ownerOnly }, { id, expectedVersion }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const before = current(await queries.lockInteraction(db, reach, id), expectedVersion);
    await queries.markInteractionDeleted(db, actor.tenantId, id);
    return {
      output: undefined,
      audit: { entity: "interaction", entityId: id, action: "deleted", before, after: null },
    };
  },
});

function current(row: Interaction | null, expectedVersion: number | undefined): Interaction {
  if (row === null) throw notFound("interaction");
  if (expectedVersion !== undefined && expectedVersion !== row.version) throw stale(row.version);
  return row;
}

/** A filter in terms of rows: who is meant by `me`, and by a contact that is part of another. */
export async function rowFilter(
  db: Kysely<DB>,
  { tenantId, userId: callerId }: Actor,
  { userId, contactId, ...rest }: InteractionFilter,
): Promise<queries.RowFilter> {
  return {
    ...rest,
    ...(userId !== undefined && { userId: userId === "me" ? callerId : userId }),
    ...(contactId !== undefined && {
      contactId: (await findSuccessorId(db, tenantId, contactId)) ?? contactId,
    }),
  };
}

/** A change of an interaction, as the audit log keeps it. */
export function changeEntry(
  action: string,
  { version: _old, updatedAt: _then, ...before }: Interaction,
  { version: _new, updatedAt: _now, ...after }: Interaction,
): AuditEntry {
  const changed = changedFields(before, after) ?? { before: {}, after: {} };
  return { entity: "interaction", entityId: after.id, action, ...changed };
}

/** What of an interaction people fill in. */
export function valuesOf(from: Interaction): InteractionValues {
  const { type, direction, contactId, participant, subject, body } = from;
  const { occurredAt, durationSeconds, outcome, metadata } = from;
  return {
    type,
    direction,
    contactId,
    participant,
    subject,
    body,
    occurredAt,
    durationSeconds,
    outcome,
    metadata,
  };
}

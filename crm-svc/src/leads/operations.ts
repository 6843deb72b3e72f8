import { changedFields } from "@crm/platform/audit";
import type { Actor } from "@crm/platform/context";
import { notFound } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import type { Kysely } from "kysely";
import { z } from "zod";
import { findSuccessorId } from "../contacts/queries.ts";
import { reachableContact } from "../interactions/accept.ts";
import { read, write } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { assigneeFor } from "./assignment/choice.ts";
import * as queries from "./queries.ts";
import {
  changeEntry,
  current,
  refuseClosed,
  refuseFaults,
  refuseForeignAssignee,
  refuseUnfitAssignee,
} from "./refusals.ts";
import { applyPatch, newLead, valuesOf } from "./rules.ts";
import {
  createInput,
  deleteInput,
  getInput,
  type LeadFilter,
  type LeadValues,
  lead,
  leadPage,
  listInput,
  updateInput,
} from "./schema.ts";
import { scored } from "./score/keep.ts";
import { recordOpening } from "./transitions/queries.ts";

/**
 * Adds a lead of a contact. Without an assignee it is given to whom the tenant's assignment rules say;
 * if they say nobody, to the caller. Throws `notFound` for a contact or an assignee who is not there,
 * and `invalid` for a disabled one.
 */
export const createLead = write({
  name: "leads.create",
  access: "leads:create",
  input: createInput,
  output: lead,
  async run({ db, actor, ownerOnly }, { lead: fields }) {
    const { tenantId } = actor;
    const { status = "new" } = fields;
    const { values: given, faults } = newLead(fields);
    refuseFaults(faults);
    // Before it is looked for: whoever may name nobody else is not told who there is.
    if (given.assignedUserId !== null) refuseForeignAssignee(given.assignedUserId, ownerOnly);
    await refuseUnfitAssignee(db, tenantId, given.assignedUserId);
    const contactId = await reachableContact({ db, actor }, given.contactId);
    const assignedUserId =
      given.assignedUserId ?? (await assigneeFor(db, actor, { ...given, contactId }, ownerOnly));
    refuseForeignAssignee(assignedUserId, ownerOnly);
    const values: LeadValues = { ...given, contactId, assignedUserId };
    const added = await queries.insertLead(db, tenantId, {
      id: Bun.randomUUIDv7(),
      status,
      values,
    });
    // An API key is no user.
    const userId = actor.kind === "user" ? actor.userId : null;
    await recordOpening(db, tenantId, added, userId);
    const after = await scored(db, tenantId, added);
    return {
      output: after,
      audit: { entity: "lead", entityId: after.id, action: "created", before: null, after },
    };
  },
});

/** One lead. Throws `notFound`. */
export const getLead = read({
  name: "leads.get",
  access: "leads:read",
  input: getInput,
  output: lead,
  async run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const there = await queries.findLead(db, reach, id);
    if (there === null) throw notFound("lead");
    return there;
  },
});

const listPosition = z.tuple([z.string(), z.uuid()]);

/** The leads that all filters let through. */
export const listLeads = read({
  name: "leads.list",
  access: "leads:read",
  input: listInput,
  output: leadPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor, sort, ...given }) {
    const { cursors } = context.services;
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const filter = await rowFilter(db, actor, given);
    const list = ["leads.list", reach, filter, sort];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { key: position[0], id: position[1] };
    const rows = await queries.listLeads(db, reach, filter, sort, limit, after);
    const page = cutPage(rows, limit, (last) => cursors.seal(list, [last.key, last.lead.id]));
    return { ...page, items: page.items.map((row) => row.lead) };
  },
});

/**
 * Changes some fields; a probability of null is again the one that the status implies. Throws `notFound`,
 * `stale`, `wrongState` for the contact or the probability of a closed one, and what createLead throws.
 */
export const updateLead = write({
  name: "leads.update",
  access: "leads:update",
  input: updateInput,
  output: lead,
  async run({ db, actor, ownerOnly }, { id, lead: patch, expectedVersion }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    // Contacts are locked before their leads, wherever both are.
    const contactId =
      patch.contactId === undefined
        ? undefined
        : await reachableContact({ db, actor }, patch.contactId);
    const before = current(await queries.lockLead(db, reach, id), expectedVersion);
    const former = valuesOf(before);
    const { values, faults } = applyPatch(former, { ...patch, contactId });
    refuseFaults(faults);
    refuseForeignAssignee(values.assignedUserId, ownerOnly);
    if (values.assignedUserId !== former.assignedUserId) {
      await refuseUnfitAssignee(db, tenantId, values.assignedUserId);
    }
    if (changedFields<LeadValues>(former, values) === null) return { output: before, audit: [] };
    const { contactId: whose, probability } = values;
    if (whose !== former.contactId || probability !== former.probability) refuseClosed(before);
    const after = await scored(
      db,
      tenantId,
      await queries.updateLead(db, tenantId, before, values),
    );
    return { output: after, audit: changeEntry("updated", before, after) };
  },
});

/** Deletes a lead; it is kept, but nobody sees it. Throws `notFound` and `stale`. */
export const deleteLead = write({
  name: "leads.delete",
  access: "leads:delete",
  input: deleteInput,
  output: z.void(),
  async run({ db, actor, ownerOnly }, { id, expectedVersion }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const before = current(await queries.lockLead(db, reach, id), expectedVersion);
    await queries.markLeadDeleted(db, actor.tenantId, id);
    return {
      output: undefined,
      audit: { entity: "lead", entityId: id, action: "deleted", before, after: null },
    };
  },
});

/** A filter in terms of rows: who `me` is, and who answers in place of a contact that was merged. */
async function rowFilter(
  db: Kysely<DB>,
  actor: Actor,
  { assignedUserId, contactId, ...rest }: LeadFilter,
): Promise<queries.RowFilter> {
  return {
    ...rest,
    ...assigneeOf(actor, assignedUserId),
    ...(contactId !== undefined && {
      contactId: (await findSuccessorId(db, actor.tenantId, contactId)) ?? contactId,
    }),
  };
}

/** Who an assignee filter means; null is nobody. */
export function assigneeOf(
  { userId }: Actor,
  written: LeadFilter["assignedUserId"],
): { readonly assignedUserId?: string | null } {
  if (written === undefined) return {};
  if (written === "none") return { assignedUserId: null };
  return { assignedUserId: written === "me" ? userId : written };
}

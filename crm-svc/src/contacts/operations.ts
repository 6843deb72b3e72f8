import { changedFields } from "@crm/platform/audit";
import { notFound, stale } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import type { Kysely } from "kysely";
import { z } from "zod";
import { findContactSettings } from "../contact-fields/queries.ts";
import { refuseLikelyDuplicate } from "../duplicates/refusal.ts";
import { read, write } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { acceptNew, acceptPatch, needsSettings } from "./accept.ts";
import { filterJson, listInput } from "./filters.ts";
import * as queries from "./queries.ts";
import {
  goneFailure,
  reachWith,
  refuseFaults,
  refuseForeignOwner,
  refuseUnknownOwner,
} from "./refusals.ts";
import {
  type Contact,
  type ContactValues,
  contact,
  contactPage,
  createInput,
  deleteInput,
  getInput,
  restoreInput,
  updateInput,
} from "./schema.ts";

/** Adds a contact. Throws `duplicate` if it is likely there already, unless that is allowed. */
export const createContact = write({
  name: "contacts.create",
  access: "contacts:create",
  input: createInput,
  output: contact,
  async run({ db, actor, ownerOnly }, input) {
    // An API key is no user, so nothing can belong to it.
    const creatorId = actor.kind === "user" ? actor.userId : null;
    const settings = await findContactSettings(db, actor.tenantId);
    const { values, faults } = acceptNew(input.contact, creatorId, settings);
    refuseFaults(faults);
    refuseForeignOwner(values, ownerOnly);
    if (!input.allowDuplicate) await refuseLikelyDuplicate({ db, actor }, values);
    const added = await queries
      .insertContact(db, actor.tenantId, Bun.randomUUIDv7(), values)
      .catch(refuseUnknownOwner);
    return {
      output: added,
      audit: {
        entity: "contact",
        entityId: added.id,
        action: "created",
        before: null,
        after: added,
      },
    };
  },
});

/** One contact; in place of one that was merged, the one that it is part of. Throws `notFound`. */
export const getContact = read({
  name: "contacts.get",
  access: "contacts:read",
  input: getInput,
  output: contact,
  async run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const there = await queries.findContactOrSuccessor(db, reach, id);
    if (there === null) throw notFound("contact");
    return there;
  },
});

const listPosition = z.tuple([z.string(), z.uuid()]);

/**
 * The contacts that all filters let through. Throws `invalid` for a filter that makes no sense, and
 * `forbidden` where the deleted ones are asked for by somebody who may not delete.
 */
export const listContacts = read({
  name: "contacts.list",
  access: "contacts:read",
  input: listInput,
  output: contactPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor, sort, ...filter }) {
    const { cursors } = context.services;
    const { tenantId } = actor;
    const ownedBy = filter.deleted ? reachWith("contacts:delete", actor, ownerOnly) : ownerOnly;
    const json = await filterJson(db, { tenantId, ownedBy }, filter);
    const list = ["contacts.list", tenantId, json, sort];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { key: position[0], id: position[1] };
    const rows = await queries.listContacts(db, tenantId, json, sort, limit, after);
    const page = cutPage(rows, limit, (last) => cursors.seal(list, [last.key, last.contact.id]));
    return { ...page, items: page.items.map((row) => row.contact) };
  },
});

/**
 * Changes some fields. Throws `notFound`, `stale` if an expected version is not the current, and
 * `duplicate` if that makes it likely the same as another, unless that is allowed.
 */
export const updateContact = write({
  name: "contacts.update",
  access: "contacts:update",
  input: updateInput,
  output: contact,
  async run({ db, actor, ownerOnly }, { id, contact: patch, expectedVersion, allowDuplicate }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const before = current(await lockContact(db, reach, id), expectedVersion);
    const settings = needsSettings(patch)
      ? await findContactSettings(db, actor.tenantId)
      : { country: null, fields: [] };
    const { values, faults } = acceptPatch(before, patch, settings);
    refuseFaults(faults);
    refuseForeignOwner(values, ownerOnly);
    const changed = changedFields<ContactValues>(before, values);
    if (changed === null) return { output: before, audit: [] };
    if (!allowDuplicate) await refuseLikelyDuplicate({ db, actor }, values, before);
    const after = await queries
      .updateContact(db, actor.tenantId, id, values)
      .catch(refuseUnknownOwner);
    return {
      output: after,
      audit: { entity: "contact", entityId: id, action: "updated", ...changed },
    };
  },
});

/** Deletes a contact; it is kept. Throws `notFound` and `stale` as updateContact does. */
export const deleteContact = write({
  name: "contacts.delete",
  access: "contacts:delete",
  input: deleteInput,
  output: z.void(),
  async run({ db, actor, ownerOnly }, { id, expectedVersion }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const before = current(await lockContact(db, reach, id), expectedVersion);
    await queries.markContactDeleted(db, actor.tenantId, id);
    return {
      output: undefined,
      audit: { entity: "contact", entityId: id, action: "deleted", before, after: null },
    };
  },
});

/**
 * Brings a deleted contact back, even if another was added for the same person meanwhile; one that is
 * not deleted stays as it is. Throws `notFound`, and `wrongState` for a merged one.
 */
export const restoreContact = write({
  name: "contacts.restore",
  access: "contacts:delete",
  input: restoreInput,
  output: contact,
  async run({ db, actor, ownerOnly }, { id }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    const kept = await queries.lockKeptContact(db, reach, id);
    if (kept === null || kept.mergedInto !== null) throw await goneFailure(db, reach, id);
    if (!kept.deleted) return { output: kept.contact, audit: [] };
    const after = await queries.unmarkContactDeleted(db, tenantId, id);
    return {
      output: after,
      audit: { entity: "contact", entityId: id, action: "restored", before: null, after },
    };
  },
});

/** The contact to change, locked. Throws `notFound`, and `wrongState` for a merged one. */
async function lockContact(db: Kysely<DB>, reach: queries.Reach, id: string): Promise<Contact> {
  const there = await queries.lockContact(db, reach, id);
  if (there === null) throw await goneFailure(db, reach, id);
  return there;
}

function current(row: Contact, expectedVersion: number | undefined): Contact {
  if (expectedVersion !== undefined && expectedVersion !== row.version) throw stale(row.version);
  return row;
}

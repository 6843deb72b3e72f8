import { violatedConstraint } from "@crm/platform/database";
import { Failure, invalid, notFound, stale } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import type { Kysely } from "kysely";
import { z } from "zod";
import { read, write } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import * as queries from "./queries.ts";
import { applyPatch, difference, isNamed, newContact, queryWords } from "./rules.ts";
import {
  type Contact,
  type ContactValues,
  contact,
  contactHitPage,
  contactPage,
  createInput,
  deleteInput,
  getInput,
  listInput,
  searchInput,
  updateInput,
} from "./schema.ts";

/** Adds a contact. Throws `duplicate` if its e-mail address is known, unless that is allowed. */
export const createContact = write({
  name: "contacts.create",
  access: "contacts:create",
  input: createInput,
  output: contact,
  async run({ db, actor, ownerOnly }, input) {
    // An API key is no user, so nothing can belong to it.
    const values = newContact(input.contact, actor.kind === "user" ? actor.userId : null);
    refuseNameless(values);
    refuseForeignOwner(values, ownerOnly);
    if (values.email !== null && !input.allowDuplicate) {
      await refuseKnownEmail(db, actor.tenantId, values.email);
    }
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

/** One contact. Throws `notFound`. */
export const getContact = read({
  name: "contacts.get",
  access: "contacts:read",
  input: getInput,
  output: contact,
  async run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    return found(await queries.findContact(db, reach, id));
  },
});

const listPosition = z.tuple([z.string(), z.string()]);

/** All contacts, newest first. */
export const listContacts = read({
  name: "contacts.list",
  access: "contacts:read",
  input: listInput,
  output: contactPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor }) {
    const { cursors } = context.services;
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const list = ["contacts.list", reach];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { createdAt: position[0], id: position[1] };
    const rows = await queries.listContacts(db, reach, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.createdAt, last.id]));
  },
});

const searchPosition = z.tuple([z.number(), z.string()]);

/** The contacts that have all the words of a query, best first; words may be cut short. */
export const searchContacts = read({
  name: "contacts.search",
  access: "contacts:read",
  input: searchInput,
  output: contactHitPage,
  async run({ context, db, actor, ownerOnly }, { q, limit, cursor }) {
    const { cursors } = context.services;
    const words = queryWords(q);
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const list = ["contacts.search", reach, words];
    const position = cursors.open(list, cursor, searchPosition);
    if (words.length === 0) return { items: [], nextCursor: null };
    const after = position && { score: position[0], id: position[1] };
    const rows = await queries.searchContacts(db, reach, words, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.score, last.id]));
  },
});

/** Changes some fields. Throws `notFound`, and `stale` if an expected version is not the current. */
export const updateContact = write({
  name: "contacts.update",
  access: "contacts:update",
  input: updateInput,
  output: contact,
  async run({ db, actor, ownerOnly }, { id, contact: patch, expectedVersion }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const before = current(await queries.lockContact(db, reach, id), expectedVersion);
    const values = applyPatch(before, patch);
    refuseNameless(values);
    refuseForeignOwner(values, ownerOnly);
    const changed = difference(before, values);
    if (changed === null) return { output: before, audit: [] };
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
    const before = current(await queries.lockContact(db, reach, id), expectedVersion);
    await queries.markContactDeleted(db, actor.tenantId, id);
    return {
      output: undefined,
      audit: { entity: "contact", entityId: id, action: "deleted", before, after: null },
    };
  },
});

function found(maybe: Contact | null): Contact {
  if (maybe === null) throw notFound("contact");
  return maybe;
}

function current(maybe: Contact | null, expectedVersion: number | undefined): Contact {
  const row = found(maybe);
  if (expectedVersion !== undefined && expectedVersion !== row.version) throw stale(row.version);
  return row;
}

function refuseNameless(values: ContactValues): void {
  if (isNamed(values)) return;
  const message = "one at least of firstName, lastName, email and company is needed";
  throw invalid([{ path: "contact", code: "required", message }], message);
}

/** With the scope `own` a contact can be made or kept one's own, but not given away. */
function refuseForeignOwner({ ownerUserId }: ContactValues, ownerOnly: string | null): void {
  if (ownerOnly === null || ownerUserId === ownerOnly) return;
  throw new Failure("forbidden", "forbidden", "Your role may only own contacts, not assign them.");
}

async function refuseKnownEmail(db: Kysely<DB>, tenantId: string, email: string): Promise<void> {
  await queries.holdEmail(db, tenantId, email);
  const ids = await queries.findIdsByEmail(db, tenantId, email);
  if (ids.length === 0) return;
  throw new Failure(
    "duplicate",
    "duplicate_contact",
    "There is a contact with this e-mail address: use it, or allow the duplicate (allowDuplicate).",
    { facts: { candidates: ids.map((id) => ({ id, reasons: ["email"] })) } },
  );
}

/** Absent and another tenant's user are the same: the foreign key includes the tenant. */
function refuseUnknownOwner(error: unknown): never {
  if (violatedConstraint(error) !== "contacts_tenant_id_owner_user_id_fkey") throw error;
  throw new Failure("notFound", "not_found", "There is no such user to own the contact.", {
    fields: [{ path: "ownerUserId", code: "not_found", message: "is not a user" }],
  });
}

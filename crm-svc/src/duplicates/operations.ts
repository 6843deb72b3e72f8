import type { AuditEntry } from "@crm/platform/audit";
import { notFound } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { z } from "zod";
import { findContactOrSuccessor, lockKeptContacts } from "../contacts/queries.ts";
import { goneFailure } from "../contacts/refusals.ts";
import { read, write } from "../services.ts";
import { candidatesFor } from "./candidates.ts";
import { listPairs } from "./pairs.queries.ts";
import * as queries from "./queries.ts";
import { identityOf } from "./refusal.ts";
import {
  candidates,
  candidatesInput,
  dismissInput,
  MAX_CANDIDATES,
  pairPage,
  pairsInput,
} from "./schema.ts";

/**
 * Who may be the same as a contact, or as the one that it is part of, as things are now, the likeliest first.
 * Throws `notFound`.
 */
export const getDuplicates = read({
  name: "contacts.duplicates.get",
  access: "contacts:read",
  input: candidatesInput,
  output: candidates,
  async run({ db, actor, ownerOnly }, { id }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    const contact = await findContactOrSuccessor(db, reach, id);
    if (contact === null) throw notFound("contact");
    const dismissed = await queries.findDismissed(db, tenantId, contact.id);
    const likely = (await candidatesFor(db, tenantId, identityOf(contact), contact.id))
      .filter(({ contactId }) => !dismissed.has(contactId))
      .filter(({ ownerUserId }) => ownerOnly === null || ownerUserId === ownerOnly)
      .slice(0, MAX_CANDIDATES);
    const contacts = await contactsById(
      db,
      tenantId,
      likely.map(({ contactId }) => contactId),
    );
    return {
      items: likely.flatMap(({ contactId, score, reasons }) => {
        const other = contacts.get(contactId);
        return other === undefined ? [] : [{ contact: other, score, reasons: [...reasons] }];
      }),
    };
  },
});

const pairPosition = z.tuple([z.number(), z.uuid(), z.uuid()]);

/** The pairs of the whole tenant that are likely one person, the likeliest first. */
export const listDuplicates = read({
  name: "contacts.duplicates.list",
  access: "contacts:read",
  input: pairsInput,
  output: pairPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor }) {
    const { cursors } = context.services;
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    const list = ["contacts.duplicates", reach];
    const position = cursors.open(list, cursor, pairPosition);
    const [score, first_id, second_id] = position ?? [];
    const after =
      score !== undefined && first_id !== undefined && second_id !== undefined
        ? { score, first_id, second_id }
        : undefined;
    const page = cutPage(await listPairs(db, reach, limit, after), limit, (last) =>
      cursors.seal(list, [last.score, last.first_id, last.second_id]),
    );
    const ids = page.items.flatMap((pair) => [pair.first_id, pair.second_id]);
    const contacts = await contactsById(db, tenantId, ids);
    return {
      items: page.items.flatMap((pair) => {
        const first = contacts.get(pair.first_id);
        const second = contacts.get(pair.second_id);
        // One may have gone since the pairs were read.
        if (first === undefined || second === undefined) return [];
        return [{ contacts: [first, second], score: pair.score, reasons: [...pair.reasons] }];
      }),
      nextCursor: page.nextCursor,
    };
  },
});

/** Remembers that two contacts are two people. Throws `notFound`, and `wrongState` for a merged one. */
export const dismissDuplicate = write({
  name: "contacts.duplicates.dismiss",
  access: "contacts:merge",
  input: dismissInput,
  output: z.void(),
  async run({ db, actor, ownerOnly }, { ids: [one = "", other = ""] }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    // Locked, because what becomes part of another gives that its dismissals.
    const locked = await lockKeptContacts(db, reach, [one, other]);
    for (const id of [one, other]) {
      const kept = locked.get(id);
      if (kept === undefined || kept.deleted) throw await goneFailure(db, reach, id);
    }
    const userId = actor.kind === "user" ? actor.userId : null;
    const isNew = await queries.insertDismissal(db, tenantId, [one, other], userId);
    const entry = (entityId: string, duplicateId: string): AuditEntry => ({
      entity: "contact",
      entityId,
      action: "duplicate_dismissed",
      before: null,
      after: { duplicateId },
    });
    return { output: undefined, audit: isNew ? [entry(one, other), entry(other, one)] : [] };
  },
});

async function contactsById(
  db: Parameters<typeof queries.findContacts>[0],
  tenantId: string,
  ids: readonly string[],
) {
  const contacts = await queries.findContacts(db, tenantId, ids);
  return new Map(contacts.map((contact) => [contact.id, contact]));
}

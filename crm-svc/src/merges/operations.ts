import type { AuditEntry } from "@crm/platform/audit";
import { Failure, type FieldFault, invalid, notFound, stale } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { z } from "zod";
import { findContactSettings } from "../contact-fields/queries.ts";
import type { ContactField } from "../contact-fields/schema.ts";
import { findContactOrSuccessor, lockKeptContacts, updateContact } from "../contacts/queries.ts";
import { goneFailure } from "../contacts/refusals.ts";
import type { Contact } from "../contacts/schema.ts";
import { read, write } from "../services.ts";
import * as moves from "./moves.queries.ts";
import * as queries from "./queries.ts";
import {
  changesBetween,
  fieldsOf,
  loosenedConsents,
  mergedFields,
  standingConsents,
  takeBack,
  valuesOf,
} from "./rules.ts";
import { CUSTOM, listInput, merged, mergeInput, mergePage, undoInput, undone } from "./schema.ts";

/**
 * Makes several contacts one; see mergedFields for what it holds then. Throws `notFound` unless all are
 * there, `wrongState` if one is part of another already, `stale`, and `invalid` for a choice that makes
 * no sense or loosens a consent.
 */
export const mergeContacts = write({
  name: "contacts.merge",
  access: "contacts:merge",
  input: mergeInput,
  output: merged,
  async run({ db, actor, ownerOnly }, { id: targetId, sourceIds, choose, expectedVersion }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    const locked = await lockKeptContacts(db, reach, [targetId, ...sourceIds]);
    const there = async (id: string): Promise<Contact> => {
      const kept = locked.get(id);
      if (kept === undefined || kept.deleted) throw await goneFailure(db, reach, id);
      return kept.contact;
    };
    const target = await there(targetId);
    const sources: Contact[] = [];
    for (const id of sourceIds) sources.push(await there(id));
    if (expectedVersion !== undefined && expectedVersion !== target.version) {
      throw stale(target.version);
    }

    const { fields: definitions } = await findContactSettings(db, tenantId);
    const consents = consentsOf(definitions);
    refuseChoices(
      Object.keys(choose).filter((name) => isUnknown(name, definitions)),
      { code: "unknown_field", message: "is not a field of your contacts" },
    );
    refuseChoices(loosenedConsents([target, ...sources], choose, consents), {
      code: "consent_loosened",
      message: "is a consent that another of these contacts has refused: a no stays a no",
    });
    const before = fieldsOf(target);
    const after = mergedFields(target, sources, choose, consents);
    const changed = changesBetween(before, after);

    const mergeId = Bun.randomUUIDv7();
    const move = { tenantId, mergeId, sourceIds, targetId };
    const userId = actor.kind === "user" ? actor.userId : null;
    await queries.insertMerge(db, tenantId, { mergeId, targetId, sourceIds, changed, userId });
    const moved = {
      interactions: await moves.moveRows(db, "interaction", move),
      leads: await moves.moveRows(db, "lead", move),
      customers: await moves.moveCustomers(db, move),
    };
    await moves.markScoresStale(db, tenantId, [targetId]);
    await moves.copyDismissals(db, move);
    await moves.removePairs(db, tenantId, sourceIds);
    await queries.markMerged(db, tenantId, sourceIds, targetId);
    const contact = await updateContact(db, tenantId, targetId, valuesOf(after));
    const pick = (side: "before" | "after") =>
      Object.fromEntries(Object.entries(changed).map(([name, change]) => [name, change[side]]));
    return {
      output: { mergeId, contact, moved },
      audit: [
        {
          entity: "contact",
          entityId: targetId,
          action: "merged",
          before: pick("before"),
          after: { ...pick("after"), mergeId, sourceIds, moved },
        },
        ...sources.map(
          (source): AuditEntry => ({
            entity: "contact",
            entityId: source.id,
            action: "merged_away",
            before: source,
            after: { mergeId, mergedInto: targetId },
          }),
        ),
      ],
    };
  },
});

/**
 * Parts contacts that were merged: the sources are there again as they were, with what had belonged to
 * them, and the target loses what it had from them. What was changed since stays, and is told. Throws
 * `notFound`, and `wrongState` if it was undone already or a later merge must be undone first.
 */
export const undoMerge = write({
  name: "contacts.merges.undo",
  access: "contacts:merge",
  input: undoInput,
  output: undone,
  async run({ db, actor, ownerOnly }, { id: mergeId }) {
    const { tenantId } = actor;
    const merge = await queries.lockMerge(db, tenantId, mergeId);
    if (merge === null) throw notFound("merge");
    const { targetId, sourceIds, changed } = merge;
    const reach = { tenantId, ownedBy: ownerOnly };
    const locked = await lockKeptContacts(db, reach, [targetId, ...sourceIds]);
    const target = locked.get(targetId);
    if (target === undefined || sourceIds.some((id) => !locked.has(id))) throw notFound("merge");
    if (merge.undone) {
      throw new Failure("wrongState", "merge_undone", "This merge has been undone already.");
    }
    const move = { tenantId, mergeId, sourceIds, targetId };
    const laterId =
      (target.mergedInto === null
        ? null
        : await queries.findMergeOfSource(db, tenantId, targetId)) ??
      (await moves.findLaterCustomerMerge(db, move));
    if (laterId !== null) {
      throw new Failure(
        "wrongState",
        "merged_since",
        `What this merge made was merged again: undo the merge ${laterId} first.`,
        { facts: { mergeId: laterId } },
      );
    }

    const current = fieldsOf(target.contact);
    const standing = standingConsents(
      consentsOf((await findContactSettings(db, tenantId)).fields),
      await queries.findCustomOfOtherParts(db, tenantId, merge),
      await queries.findCustomChangedSince(db, tenantId, merge),
    );
    const { fields, restored, kept } = takeBack(current, changed, standing);
    const back = await queries.unmarkMerged(db, tenantId, sourceIds, targetId);
    const interactions = await moves.returnRows(db, "interaction", move);
    const leads = await moves.returnRows(db, "lead", move);
    const customers = await moves.returnCustomers(db, move);
    await moves.markScoresStale(db, tenantId, [targetId, ...sourceIds]);
    await moves.removeCopiedDismissals(db, move);
    await queries.markUndone(db, tenantId, mergeId);
    const contact = await updateContact(db, tenantId, targetId, valuesOf(fields));
    const output = {
      mergeId,
      contact,
      restored: {
        contactIds: back.map(({ id }) => id).sort(),
        fields: restored,
        moved: {
          interactions: interactions.back,
          leads: leads.back,
          customers: customers.back,
        },
      },
      kept: {
        fields: kept,
        interactionIds: interactions.kept,
        leadIds: leads.kept,
        customerIds: customers.kept,
      },
    };
    return {
      output,
      audit: [
        {
          entity: "contact",
          entityId: targetId,
          action: "merge_undone",
          before: Object.fromEntries(restored.map((name) => [name, current[name] ?? null])),
          after: {
            ...Object.fromEntries(restored.map((name) => [name, fields[name] ?? null])),
            mergeId,
            sourceIds,
          },
        },
        ...back.map(
          (source): AuditEntry => ({
            entity: "contact",
            entityId: source.id,
            action: "merge_undone",
            before: { mergedInto: targetId },
            after: { ...source, mergeId },
          }),
        ),
      ],
    };
  },
});

const mergePosition = z.tuple([z.uuid()]);

/** The merges in which a contact remained or became part of another, newest first. */
export const listMerges = read({
  name: "contacts.merges.list",
  access: "contacts:read",
  input: listInput,
  output: mergePage,
  async run({ context, db, actor, ownerOnly }, { id, limit, cursor }) {
    const { cursors } = context.services;
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    // Of a contact that is part of another, whoever may read that one.
    if ((await findContactOrSuccessor(db, reach, id)) === null) throw notFound("contact");
    const list = ["contacts.merges", reach, id];
    const position = cursors.open(list, cursor, mergePosition);
    const rows = await queries.listMerges(db, tenantId, id, limit, position?.[0]);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.id]));
  },
});

function consentsOf(definitions: readonly ContactField[]): Set<string> {
  return new Set(definitions.filter(({ type }) => type === "consent").map(({ name }) => name));
}

function isUnknown(name: string, definitions: readonly { readonly name: string }[]): boolean {
  return (
    name.startsWith(CUSTOM) &&
    definitions.every((definition) => definition.name !== name.slice(CUSTOM.length))
  );
}

function refuseChoices(names: readonly string[], fault: Omit<FieldFault, "path">): void {
  if (names.length > 0) throw invalid(names.map((name) => ({ path: `choose.${name}`, ...fault })));
}

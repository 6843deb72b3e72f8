import { changedFields } from "@crm/platform/audit";
import { Failure, notFound } from "@crm/platform/errors";
import { write } from "../../services.ts";
import * as contacts from "../queries.ts";
import { goneFailure, reachWith, refuseForeignOwner } from "../refusals.ts";
import { isNamed } from "../rules.ts";
import type { ContactValues } from "../schema.ts";
import { findChange } from "./queries.ts";
import { effectOf, revert } from "./revert.ts";
import { undoChangeInput, undone } from "./schema.ts";

/**
 * Takes one change of a contact back: an edit gives its fields the values from before, a creation
 * deletes, a deletion restores; an undo, which is a change too, is taken back likewise. Whatever
 * deletes or restores needs contacts:delete besides.
 *
 * Throws `notFound`, and `wrongState` if a field that was edited has got another value since, if the contact
 * would be left without a name, and if it is deleted, or there, already. A creation is taken back whatever
 * was changed since.
 */
export const undoChange = write({
  name: "contacts.undoChange",
  access: "contacts:update",
  input: undoChangeInput,
  output: undone,
  async run({ db, actor, ownerOnly }, { id, auditId }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    const kept = await contacts.lockKeptContact(db, reach, id);
    if (kept === null || kept.mergedInto !== null) throw await goneFailure(db, reach, id);
    const change = await findChange(db, tenantId, id, auditId);
    if (change === null) throw notFound("change of this contact");
    const { contact } = kept;
    const entry = { entity: "contact", entityId: id, action: "undone" };

    const effect = effectOf(change);
    if (effect === null) {
      const message = `A change of the kind "${change.action}" cannot be taken back here.`;
      throw new Failure("wrongState", "not_undoable", message);
    }
    if (effect !== "edited") {
      refuseForeignOwner(contact, reachWith("contacts:delete", actor, ownerOnly));
      if (kept.deleted !== (effect === "removed")) {
        throw new Failure(
          "wrongState",
          "already_undone",
          `The contact is ${kept.deleted ? "deleted" : "there"} already: nothing is to be undone.`,
        );
      }
    }
    switch (effect) {
      case "brought":
        await contacts.markContactDeleted(db, tenantId, id);
        return {
          output: null,
          audit: { ...entry, before: contact, after: { undoes: auditId } },
        };
      case "removed": {
        const after = await contacts.unmarkContactDeleted(db, tenantId, id);
        return {
          output: after,
          audit: { ...entry, before: null, after: { ...after, undoes: auditId } },
        };
      }
      case "edited": {
        if (kept.deleted) {
          const message = "The contact is deleted: restore it first.";
          throw new Failure("wrongState", "contact_deleted", message);
        }
        const { values, changedSince } = revert(contact, change);
        if (changedSince.length > 0) {
          throw new Failure(
            "wrongState",
            "changed_since",
            `Changed again since, so not this change's to take back: ${changedSince.join(", ")}.`,
            { facts: { changedSince } },
          );
        }
        if (!isNamed(values)) {
          throw new Failure(
            "wrongState",
            "nameless",
            "The contact would be left without firstName, lastName, email and company: set another of them first.",
          );
        }
        refuseForeignOwner(values, ownerOnly);
        const changed = changedFields<ContactValues>(contact, values);
        if (changed === null) return { output: contact, audit: [] };
        const { before, after } = changed;
        return {
          output: await contacts.updateContact(db, tenantId, id, values),
          audit: { ...entry, before, after: { ...after, undoes: auditId } },
        };
      }
    }
  },
});

import type { Actor } from "@crm/platform/context";
import { notFound } from "@crm/platform/errors";
import { read } from "../services.ts";
import { findContactData, type Visible } from "./queries.ts";
import { contactData, contactDataInput } from "./schema.ts";

/**
 * All that somebody who is about to deal with a contact wants to know, as of one moment. What the caller
 * may not read is left out. Throws `notFound`; of a merged contact, it tells of the one it is part of.
 */
export const getContactData = read({
  name: "contacts.data",
  access: "contacts:read",
  input: contactDataInput,
  output: contactData,
  async run({ db, actor, ownerOnly }, { contactId, interactionLimit, leadLimit }) {
    const reach = {
      tenantId: actor.tenantId,
      ownedBy: ownerOnly,
      interactions: visibleTo(actor, "interactions:read"),
      leads: visibleTo(actor, "leads:read"),
    };
    const limits = { interactions: interactionLimit, leads: leadLimit };
    const found = await findContactData(db, reach, contactId, limits);
    if (found === null) throw notFound("contact");
    return found;
  },
});

function visibleTo(actor: Actor, permission: string): Visible {
  const scope = actor.permissions.get(permission);
  if (scope === undefined) return "nobody's";
  return scope === "own" ? { userId: actor.userId } : "everybody's";
}

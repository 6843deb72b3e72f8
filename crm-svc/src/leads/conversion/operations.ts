import { type AuditEntry, changedFields } from "@crm/platform/audit";
import { Failure } from "@crm/platform/errors";
import type { Kysely } from "kysely";
import { updateContact } from "../../contacts/queries.ts";
import type { Contact, ContactValues } from "../../contacts/schema.ts";
import { findCustomer, findCustomerOf, insertCustomer } from "../../customers/queries.ts";
import { customer } from "../../customers/schema.ts";
import { write } from "../../services.ts";
import type { DB } from "../../tables.gen.ts";
import { findLead, lockLead, type Reach } from "../queries.ts";
import { changeEntry, current } from "../refusals.ts";
import type { Lead } from "../schema.ts";
import { scored } from "../score/keep.ts";
import { moveLead } from "../transitions/queries.ts";
import { holdContactForChange } from "./queries.ts";
import { convertInput } from "./schema.ts";

/** As often as the contact can be merged away while its lock is waited for. */
const TRIES = 3;

/**
 * Wins a lead: makes its contact a customer, with the lead's value and source, unless it is one already.
 * It happens once: whoever asks again, at once or later, gets the same customer, and so does who converts
 * another lead of that contact. Throws `notFound`, `stale`, and `wrongState` for a lost lead or where the
 * contact is deleted.
 */
export const convertLead = write({
  name: "leads.convert",
  access: "leads:convert",
  input: convertInput,
  output: customer,
  async run({ db, actor, ownerOnly }, { id, expectedVersion }) {
    const { tenantId } = actor;
    const { contact, lead } = await lockBoth(db, { tenantId, ownedBy: ownerOnly }, id);
    if (lead.status === "won" && lead.customerId !== null) {
      const won = await findCustomer(db, { tenantId, ownedBy: null }, lead.customerId);
      if (won !== null) return { output: won, audit: [] };
    }
    current(lead, expectedVersion);
    refuseInconvertible(lead, contact);

    const known = await findCustomerOf(db, tenantId, lead.contactId);
    const output = known ?? (await insertCustomer(db, tenantId, lead));
    const moved = await moveLead(db, tenantId, id, {
      to: "won",
      reason: null,
      note: null,
      userId: actor.kind === "user" ? actor.userId : null,
      customerId: output.id,
    });
    const won = await scored(db, tenantId, moved);
    const converted = changeEntry("converted", lead, won);
    const made: AuditEntry = {
      entity: "customer",
      entityId: output.id,
      action: "created",
      before: null,
      after: output,
    };
    const contactChange = await markCustomer(db, tenantId, contact);
    return { output, audit: [converted, ...(known === null ? [made] : []), ...contactChange] };
  },
});

/** The lead and its contact, in the order that all lock them in: the contact first. */
async function lockBoth(
  db: Kysely<DB>,
  reach: Reach,
  id: string,
): Promise<{ readonly contact: Contact | null; readonly lead: Lead }> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const { contactId } = current(await findLead(db, reach, id), undefined);
    const contact = await holdContactForChange(db, reach.tenantId, contactId);
    const lead = current(await lockLead(db, reach, id), undefined);
    if (lead.contactId === contactId) return { contact, lead };
  }
  const message = "The lead's contact is being merged: try again.";
  throw new Failure("inFlight", "contact_merging", message, { retryAfter: 1 });
}

function refuseInconvertible(
  { status }: Lead,
  contact: Contact | null,
): asserts contact is Contact {
  if (status === "lost") {
    const message = "The lead is lost: reopen it first, by a transition.";
    throw new Failure("wrongState", "lead_lost", message, { facts: { leadStatus: status } });
  }
  if (contact === null) {
    const message = "The lead's contact is deleted: restore it first.";
    throw new Failure("wrongState", "contact_deleted", message);
  }
}

async function markCustomer(
  db: Kysely<DB>,
  tenantId: string,
  contact: Contact,
): Promise<AuditEntry[]> {
  const { id, version: _version, createdAt: _created, updatedAt: _updated, ...values } = contact;
  const marked: ContactValues = { ...values, lifecycleStage: "customer" };
  const changed = changedFields<ContactValues>(values, marked);
  if (changed === null) return [];
  await updateContact(db, tenantId, id, marked);
  return [{ entity: "contact", entityId: id, action: "updated", ...changed }];
}

import type { Actor } from "@crm/platform/context";
import { Failure, invalid } from "@crm/platform/errors";
import type { Kysely } from "kysely";
import { findContactSettings } from "../contact-fields/queries.ts";
import { phoneNumber } from "../contacts/phones.ts";
import { findSuccessorId } from "../contacts/queries.ts";
import type { DB } from "../tables.gen.ts";
import { findContactOf, holdContact, type Reach } from "./queries.ts";
import { faultsOf } from "./rules.ts";
import type { InteractionFields, InteractionValues } from "./schema.ts";

/** The database and the caller of a write. */
interface Writing {
  readonly db: Kysely<DB>;
  readonly actor: Actor;
}

/** The fields with the participant's phone as E.164 has it; as it was entered, if it is no number. */
export async function withPhone<Fields extends InteractionFields>(
  { db, actor }: Writing,
  fields: Fields,
): Promise<Fields> {
  const { participant } = fields;
  if (!participant?.phone) return fields;
  const { country } = await findContactSettings(db, actor.tenantId);
  const phone = phoneNumber(participant.phone, country) ?? participant.phone;
  return { ...fields, participant: { ...participant, phone } };
}

/** Throws `invalid` for values that cannot be accepted; `before` is what they were. */
export function refuseFaults(values: InteractionValues, before: InteractionValues | null): void {
  const faults = faultsOf(values, before, new Date());
  if (faults.length === 0) return;
  throw invalid(faults.map((fault) => ({ ...fault, path: `interaction.${fault.path}` })));
}

/**
 * The values with the contact that they mean: in place of one that was merged, the one that it is part
 * of; without any, the one that alone has the participant's address or number. Throws `notFound` for
 * one that is not there, or that the caller may not see.
 */
export async function withContact(
  writing: Writing,
  values: InteractionValues,
): Promise<InteractionValues> {
  const { db, actor } = writing;
  if (values.contactId !== null) {
    return { ...values, contactId: await reachableContact(writing, values.contactId) };
  }
  const reach = contactReach(actor);
  if (values.participant === null || reach === null) return values;
  const known = await findContactOf(db, actor.tenantId, values.participant);
  return known === null ? values : { ...values, contactId: await holdContact(db, reach, known) };
}

/** The contact, or the one that it is part of, held until the transaction ends. Throws `notFound`. */
export async function reachableContact({ db, actor }: Writing, id: string): Promise<string> {
  const reach = contactReach(actor);
  if (reach !== null) {
    const held = await holdContact(db, reach, id);
    if (held !== null) return held;
    const successorId = await findSuccessorId(db, actor.tenantId, id);
    const successor = successorId && (await holdContact(db, reach, successorId));
    if (successor) return successor;
  }
  throw new Failure("notFound", "not_found", "There is no such contact.", {
    fields: [{ path: "contactId", code: "not_found", message: "is not a contact" }],
  });
}

/** Which contacts the caller may see; null says none. */
export function contactReach(actor: Actor): Reach | null {
  const scope = actor.permissions.get("contacts:read");
  if (scope === undefined) return null;
  return { tenantId: actor.tenantId, ownedBy: scope === "own" ? actor.userId : null };
}

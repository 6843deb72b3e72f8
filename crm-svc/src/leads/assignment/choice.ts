import type { Actor } from "@crm/platform/context";
import type { Kysely } from "kysely";
import { findLeadSettings } from "../../lead-settings/queries.ts";
import type { DB } from "../../tables.gen.ts";
import type { LeadValues } from "../schema.ts";
import { findContactCountry, takeTurn } from "./queries.ts";
import { ruleFor } from "./rules.ts";

/**
 * To whom a new lead goes that nobody was named for: the first rule that matches says among whom it goes
 * round; else the tenant's rotation; else it is the caller's. Where the caller may only have leads of
 * their own, it is theirs. Null where all that leaves nobody.
 */
export async function assigneeFor(
  db: Kysely<DB>,
  actor: Actor,
  values: LeadValues,
  ownerOnly: string | null,
): Promise<string | null> {
  // An API key is no user, so nothing can belong to it.
  const caller = actor.kind === "user" ? actor.userId : null;
  if (ownerOnly !== null) return caller;
  const { assignment } = await findLeadSettings(db, actor.tenantId);
  if (assignment.mode === "manual") return caller;
  const country = assignment.rules.some((rule) => rule.countries.length > 0)
    ? await findContactCountry(db, actor.tenantId, values.contactId)
    : null;
  const { name, userIds } = ruleFor(assignment, values, country);
  return (await takeTurn(db, actor.tenantId, name, userIds)) ?? caller;
}

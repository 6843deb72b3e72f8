import type { Actor } from "@crm/platform/context";
import { Failure } from "@crm/platform/errors";
import type { Kysely } from "kysely";
import { rowOf } from "../contacts/rows.ts";
import type { Contact, ContactValues } from "../contacts/schema.ts";
import type { DB } from "../tables.gen.ts";
import { type Candidate, candidatesFor } from "./candidates.ts";
import { comparable, type Identity } from "./comparable.ts";
import { findDismissed, holdIdentities } from "./queries.ts";
import { MAX_CANDIDATES } from "./schema.ts";
import { likeness } from "./scoring.ts";

/**
 * Throws `duplicate` if a contact that is about to be added may well be there already: the same e-mail
 * address, or a similar name with the same phone or company. Of two such that are added at once, the
 * second is refused.
 *
 * With `before`, which is about to become `values`, only what this change makes alike counts: who has
 * been let in as a duplicate may be changed further.
 */
export async function refuseLikelyDuplicate(
  { db, actor }: { readonly db: Kysely<DB>; readonly actor: Actor },
  values: ContactValues,
  before: Contact | null = null,
): Promise<void> {
  const { tenantId } = actor;
  const identity = identityOf(values);
  const former = before && identityOf(before);
  if (former !== null && JSON.stringify(former) === JSON.stringify(identity)) return;
  await holdIdentities(db, tenantId, [identity]);
  const candidates = await candidatesFor(db, tenantId, identity, before?.id ?? null);
  const likely = candidates.filter(
    (candidate) => candidate.likely && !wasLikely(former, candidate),
  );
  if (likely.length === 0) return;
  const dismissed = before && (await findDismissed(db, tenantId, before.id));
  const told = likely.filter(({ contactId }) => !dismissed?.has(contactId));
  if (told.length === 0) return;
  throw new Failure(
    "duplicate",
    "duplicate_contact",
    "There is a contact that is likely the same: use it, or allow the duplicate (allowDuplicate).",
    {
      facts: {
        candidates: told.slice(0, MAX_CANDIDATES).map((candidate) => tell(candidate, actor)),
      },
    },
  );
}

/** Of a contact that the caller may not read nothing is told but its id: not even what is alike. */
function tell({ contactId: id, ownerUserId, score, reasons }: Candidate, actor: Actor) {
  const scope = actor.permissions.get("contacts:read");
  const readable = scope === "all" || (scope === "own" && ownerUserId === actor.userId);
  return readable ? { id, score, reasons } : { id };
}

function wasLikely(former: Identity | null, { compared, sharing }: Candidate): boolean {
  return former !== null && likeness(comparable(former), compared, sharing).likely;
}

/** What of a contact tells who it is. */
export function identityOf(values: ContactValues): Identity {
  const { firstName, lastName, email, company, address } = values;
  return {
    firstName,
    lastName,
    email,
    phone: rowOf(values).phone_e164,
    company,
    street: address?.street ?? null,
    postalCode: address?.postalCode ?? null,
  };
}

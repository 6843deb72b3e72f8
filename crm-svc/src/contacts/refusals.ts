import type { Actor } from "@crm/platform/context";
import { violatedConstraint } from "@crm/platform/database-errors";
import { Failure, type FieldFault, invalid, notFound } from "@crm/platform/errors";
import type { Kysely } from "kysely";
import type { DB } from "../tables.gen.ts";
import { findSuccessor, type Reach } from "./queries.ts";
import type { ContactValues } from "./schema.ts";

/** Throws `invalid` if there are faults; in RPC and in operations the fields are `contact`'s. */
export function refuseFaults(faults: readonly FieldFault[]): void {
  if (faults.length === 0) return;
  throw invalid(
    faults.map((fault) => ({
      ...fault,
      path: fault.path === "" ? "contact" : `contact.${fault.path}`,
    })),
  );
}

/** With the scope `own` a contact can be made or kept one's own, but not given away. */
export function refuseForeignOwner({ ownerUserId }: ContactValues, ownerOnly: string | null): void {
  if (ownerOnly === null || ownerUserId === ownerOnly) return;
  throw new Failure("forbidden", "forbidden", "Your role may only own contacts, not assign them.");
}

/** Absent and another tenant's user are the same: the foreign key includes the tenant. */
export function refuseUnknownOwner(error: unknown): never {
  if (violatedConstraint(error) !== "contacts_tenant_id_owner_user_id_fkey") throw error;
  throw new Failure("notFound", "not_found", "There is no such user to own the contact.", {
    fields: [{ path: "ownerUserId", code: "not_found", message: "is not a user" }],
  });
}

/** Why there is no such contact to change: `wrongState` if it is part of another by now, else `notFound`. */
export async function goneFailure(db: Kysely<DB>, reach: Reach, id: string): Promise<Failure> {
  const successorId = (await findSuccessor(db, reach, id))?.id;
  if (successorId === undefined) return notFound("contact");
  return new Failure(
    "wrongState",
    "contact_merged",
    `The contact was merged into ${successorId}: change that one, or undo the merge.`,
    { facts: { successorId } },
  );
}

/**
 * Whose contacts the caller has a permission for, such as `contacts:delete`, of those within reach already;
 * null says everybody's. For operations that need another one besides their own. Throws `forbidden` if it
 * is nobody's.
 */
export function reachWith(
  permission: `contacts:${string}`,
  actor: Actor,
  ownerOnly: string | null,
): string | null {
  const scope = actor.permissions.get(permission);
  if (scope === undefined) {
    const message = `The role ${actor.role} may not do ${permission}.`;
    throw new Failure("forbidden", "forbidden", message, { facts: { permission } });
  }
  return scope === "own" ? actor.userId : ownerOnly;
}

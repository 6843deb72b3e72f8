import type { Actor } from "@crm/platform/context";
import { Failure } from "@crm/platform/errors";
import type { Kysely } from "kysely";
import type { DB } from "../tables.gen.ts";
import { findRules } from "./queries.ts";
import { beyond } from "./rules.ts";
import type { Role, WantedPermission } from "./schema.ts";

/** Throws `forbidden` if the caller has not got all of these permissions; see `beyond`. */
export function refuseBeyond(actor: Actor, permissions: readonly WantedPermission[]): void {
  const missing = beyond(actor, permissions);
  if (missing.length === 0) return;
  throw new Failure(
    "forbidden",
    "exceeds_own_role",
    `Your role has less than this would take: ${missing.join(", ")}. Ask an admin.`,
    { facts: { permissions: missing } },
  );
}

/** Throws `forbidden` if a role may do more than the caller, who then may not deal with it. */
export async function refuseHigherRole(
  db: Kysely<DB>,
  actor: Actor,
  ...roles: readonly Role[]
): Promise<void> {
  if (actor.role === "admin") return;
  for (const role of new Set(roles)) {
    refuseBeyond(actor, await findRules(db, actor.tenantId, role));
  }
}

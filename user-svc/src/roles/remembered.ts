import type { Actor } from "@crm/platform/context";
import type { Kysely } from "kysely";
import type { DB } from "../tables.gen.ts";
import { findPermissions } from "./queries.ts";

/** All roles of 1,000 tenants: some 15 MB. One more, and what was read longest ago is forgotten. */
const MAX_REMEMBERED = 4_000;
/** Only a migration changes the defaults. It is heard of so much later. */
const TTL_MS = 5_000;

interface Remembered {
  readonly permissions: Actor["permissions"];
  /** `performance.now()`. */
  readonly until: number;
}

/**
 * What a role may do in a tenant, remembered for the version of its rules that the caller has just
 * read. So no process, however many there are, relies on rules that have changed, and none needs to be
 * told: what it remembers of another version is never asked for again.
 */
export function rememberedPermissions() {
  /** In the order of reading. */
  const remembered = new Map<string, Remembered>();

  return async (
    db: Kysely<DB>,
    of: { readonly tenantId: string; readonly role: string; readonly rulesVersion: number },
  ): Promise<Actor["permissions"]> => {
    const key = `${of.tenantId}/${of.role}/${of.rulesVersion}`;
    const found = remembered.get(key);
    if (found !== undefined && performance.now() < found.until) return found.permissions;
    const until = performance.now() + TTL_MS;
    // Read after the version, so it cannot be older.
    const permissions = byName(await findPermissions(db, of.tenantId, of.role));
    remembered.delete(key);
    remembered.set(key, { permissions, until });
    const [oldest = key] = remembered.keys();
    if (remembered.size > MAX_REMEMBERED) remembered.delete(oldest);
    return permissions;
  };
}

function byName(permissions: Awaited<ReturnType<typeof findPermissions>>): Actor["permissions"] {
  return new Map(
    permissions.map(({ resource, action, scope }) => [`${resource}:${action}`, scope]),
  );
}

import type { Role } from "../../testing/services.ts";

export type Scope = "all" | "own";

/** The contract's table of default permissions, by role: what it may do to all, and to its own. */
export const PERMISSIONS: Readonly<Record<Role, readonly string[]>> = {
  admin: [
    "tenant: read update",
    "users: create read update delete",
    "roles: read update",
    "apiKeys: create read delete",
    "audit: read",
    "contacts: create read update delete import export merge configure",
    "interactions: create read update delete review",
    "leads: create read update delete transition convert configure",
    "customers: read update",
    "reports: read",
  ],
  manager: [
    "tenant: read",
    "users: read",
    "contacts: create read update delete import export merge configure",
    "interactions: create read update delete review",
    "leads: create read update delete transition convert configure",
    "customers: read update",
    "reports: read",
  ],
  sales: [
    "tenant: read",
    "users: read",
    "contacts: create read update",
    "interactions: create read",
    "own interactions: update",
    "leads: create read",
    "own leads: update transition convert",
    "customers: read",
    "own reports: read",
  ],
  marketing: [
    "tenant: read",
    "users: read",
    "contacts: create read update import export",
    "interactions: create read",
    "own interactions: update",
    "leads: create read",
    "customers: read",
    "reports: read",
  ],
};

/** What cannot be limited to one's own, because it belongs to nobody. */
export const OWNERLESS = [
  "tenant:read",
  "tenant:update",
  "roles:read",
  "roles:update",
  "users:create",
  "contacts:configure",
  "leads:configure",
];

/** What a role may do by default, by `resource:action`. */
export function defaultPermissions(role: Role): ReadonlyMap<string, Scope> {
  return new Map(
    PERMISSIONS[role].flatMap((line) => {
      const [, own, resource = "", actions = ""] = /^(own )?(\w+): (.+)$/.exec(line) ?? [];
      const scope: Scope = own === undefined ? "all" : "own";
      return actions.split(" ").map((action) => [`${resource}:${action}`, scope] as const);
    }),
  );
}

/** What a role may do by default, as the API writes it. */
export function permissionList(role: Role): { resource: string; action: string; scope: Scope }[] {
  return [...defaultPermissions(role)].map(([permission, scope]) => {
    const [resource = "", action = ""] = permission.split(":");
    return { resource, action, scope };
  });
}

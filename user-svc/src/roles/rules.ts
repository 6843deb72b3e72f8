import type { Role, WantedPermission, WeighedRule } from "./schema.ts";

/** Without these nobody could give back what was taken away. */
const KEPT_BY_ADMINS = new Set(["tenant", "roles", "users", "audit", "apiKeys"]);
/** They have no rows that would be somebody's own. */
const OWNERLESS = new Set([
  "tenant:read",
  "tenant:update",
  "roles:read",
  "roles:update",
  "users:create",
]);

export interface PlannedRules {
  /** Where the role will differ from its defaults. */
  readonly overrides: WantedPermission[];
  /** The permissions that change, as they were and as they will be. */
  readonly before: WantedPermission[];
  readonly after: WantedPermission[];
}

export interface WantedFault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** What is wrong with a list of permissions, given those that there are. */
export function wantedFaults(
  rules: readonly WeighedRule[],
  wanted: readonly WantedPermission[],
): WantedFault[] {
  const known = new Set(rules.map(nameOf));
  const seen = new Set<string>();
  return wanted.flatMap((permission, at) => {
    const name = nameOf(permission);
    const fault = (code: string, message: string) => [
      { path: `permissions[${at}]`, code, message: `${name} ${message}` },
    ];
    if (!known.has(name)) return fault("unknown_permission", "is no permission that there is");
    if (seen.has(name)) return fault("duplicate", "is listed twice");
    seen.add(name);
    if (permission.scope === "own" && OWNERLESS.has(name)) {
      return fault("ownerless", 'cannot have the scope "own": there is nothing to own');
    }
    return [];
  });
}

/** What has to change so that a role may do exactly what is wanted; what is not listed it may not. */
export function planRules(
  rules: readonly WeighedRule[],
  wanted: readonly WantedPermission[],
): PlannedRules {
  const scopes = new Map(wanted.map((permission) => [nameOf(permission), permission.scope]));
  const planned = rules.map((rule) => ({ rule, scope: scopes.get(nameOf(rule)) ?? "none" }));
  const changed = planned.filter(({ rule, scope }) => scope !== rule.scope);
  return {
    overrides: planned
      .filter(({ rule, scope }) => scope !== rule.byDefault)
      .map(({ rule, scope }) => withScope(rule, scope)),
    before: changed.map(({ rule }) => withScope(rule, rule.scope)),
    after: changed.map(({ rule, scope }) => withScope(rule, scope)),
  };
}

/** The names of the permissions that a role would lose although nobody could give them back. */
export function lockedOut(role: Role, after: readonly WantedPermission[]): string[] {
  if (role !== "admin") return [];
  return after
    .filter(({ resource, scope }) => KEPT_BY_ADMINS.has(resource) && scope !== "all")
    .map(nameOf);
}

/**
 * Which of some permissions somebody has not got, so may not deal with either: whoever may change
 * roles, users or keys could otherwise get at more than they have. Admins may deal with all.
 */
export function beyond(
  holder: { readonly role: string; readonly permissions: ReadonlyMap<string, "all" | "own"> },
  permissions: readonly WantedPermission[],
): string[] {
  if (holder.role === "admin") return [];
  return permissions
    .filter(({ scope, ...permission }) => {
      const held = holder.permissions.get(nameOf(permission));
      return scope !== "none" && held !== "all" && held !== scope;
    })
    .map(nameOf);
}

function withScope(
  { resource, action }: WeighedRule,
  scope: WantedPermission["scope"],
): WantedPermission {
  return { resource, action, scope };
}

function nameOf({ resource, action }: { resource: string; action: string }): string {
  return `${resource}:${action}`;
}

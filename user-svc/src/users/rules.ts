import type { User, UserValues } from "./schema.ts";

/**
 * What asking for a status makes of a user, or null if it cannot be asked for: only the user can
 * accept an invitation. One who never had a password can only be invited again.
 */
export function nextStatus(
  { status }: Pick<User, "status">,
  wanted: "active" | "disabled" | undefined,
  hasPassword: boolean,
): User["status"] | null {
  if (wanted === undefined || wanted === status) return status;
  if (wanted === "disabled") return "disabled";
  if (status === "invited") return null;
  return hasPassword ? "active" : "invited";
}

/** Whether a user counts as one who can undo whatever admins do. */
export function isActiveAdmin({ role, status }: Pick<User, "role" | "status">): boolean {
  return role === "admin" && status === "active";
}

/** What an audit entry of the change of a user is called. */
export function changeName(before: UserValues, after: UserValues): string {
  if (after.status !== before.status) return after.status === "disabled" ? "disabled" : "enabled";
  return after.role === before.role ? "updated" : "role_changed";
}

/** What can be changed of a user, as it is. */
export function valuesOf({ fullName, email, role, status }: User): UserValues {
  return { fullName, email, role, status };
}

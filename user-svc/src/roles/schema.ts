import { expectedVersion, id, text } from "@crm/platform/input";
import { z } from "zod";

export const role = z.enum(["admin", "manager", "sales", "marketing"]);

/** What a role may do: `own` limits it to rows that belong to the user. */
export const permission = z.strictObject({
  resource: z.string(),
  action: z.string(),
  scope: z.enum(["all", "own"]),
});

/** What decides about one permission of a role; `none` says that it has not got it. */
export const rule = z.strictObject({
  resource: z.string(),
  action: z.string(),
  scope: z.enum(["all", "own", "none"]),
  source: z.enum(["default", "override"]),
});

export const rolePermissions = z.strictObject({
  role,
  permissions: z.array(rule),
  version: z.int(),
});

export const roleList = z.strictObject({ items: z.array(rolePermissions) });

export const listRolesInput = z.strictObject({});
export const rolePermissionsInput = z.strictObject({ role });

/** Far more than there are. */
const MAX_PERMISSIONS = 500;

export const setPermissionsInput = z.strictObject({
  role,
  permissions: z
    .array(z.strictObject({ resource: text(50), action: text(50), scope: rule.shape.scope }))
    .max(MAX_PERMISSIONS, `must be at most ${MAX_PERMISSIONS}`),
  expectedVersion,
});

export const userPermissionsInput = z.strictObject({ userId: id });

export const userPermissions = z.strictObject({ role, permissions: z.array(permission) });

export const checkInput = z.strictObject({
  userId: id.optional(),
  resource: text(50),
  action: text(50),
});

export const checkResult = z.strictObject({
  allowed: z.boolean(),
  scope: permission.shape.scope.nullable(),
  reason: z.enum(["default", "override", "no_rule", "user_disabled"]),
});

export type Role = z.output<typeof role>;
export type Permission = z.output<typeof permission>;
export type RolePermissions = z.output<typeof rolePermissions>;
export type Rule = z.output<typeof rule>;
export type CheckResult = z.output<typeof checkResult>;
/** A rule, and what it would be without the tenant's override. */
export type WeighedRule = Rule & { readonly byDefault: Rule["scope"] };
export type WantedPermission = z.output<typeof setPermissionsInput>["permissions"][number];

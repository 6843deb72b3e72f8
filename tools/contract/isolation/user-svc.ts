import { createApiKey, deleteApiKey, listApiKeys } from "../../testing/api/api-keys.ts";
import { listAudit } from "../../testing/api/audit.ts";
import {
  acceptInvitation,
  changePassword,
  confirmTotp,
  disableTotp,
  endSession,
  enrollTotp,
  listSessions,
  login,
  logout,
  logoutAll,
  refresh,
  register,
  resetPassword,
} from "../../testing/api/auth.ts";
import {
  assignRole,
  checkPermission,
  createUser,
  deleteUser,
  getRolePermissions,
  getTenant,
  getUser,
  getUserPermissions,
  listRoles,
  listUsers,
  resetUserPassword,
  setRolePermissions,
  updateTenant,
  updateUser,
  validateToken,
} from "../../testing/api/users.ts";
import { PASSWORD } from "../../testing/services.ts";
import type { Described } from "./inputs.ts";
import { permissionList } from "./permissions.ts";

const accounts: readonly Described[] = [
  { operation: register, needs: "nothing", input: {} },
  { operation: login, needs: "nothing", input: {} },
  { operation: refresh, needs: "nothing", input: {} },
  { operation: acceptInvitation, needs: "nothing", input: {} },
  { operation: resetPassword, needs: "nothing", input: {} },
  { operation: validateToken, needs: "nothing", input: {} },

  { operation: logout, needs: "person", input: {}, signsOut: true },
  { operation: logoutAll, needs: "person", input: {}, signsOut: true },
  { operation: listSessions, needs: "person", input: {} },
  { operation: endSession, needs: "person", input: { id: "{session}" } },
  {
    operation: changePassword,
    needs: "person",
    input: { currentPassword: PASSWORD, newPassword: "brisk-cello-meadow-{new}" },
    signsOut: true,
  },
  { operation: enrollTotp, needs: "person", input: {} },
  {
    operation: confirmTotp,
    needs: "person",
    input: { code: "no code" },
    refusals: ["totp_not_enrolled", "invalid_fields"],
  },
  {
    operation: disableTotp,
    needs: "person",
    input: { password: PASSWORD },
    // As long as none was begun to be set up.
    refusals: ["not_found"],
  },
];

const users: readonly Described[] = [
  {
    operation: createUser,
    needs: "users:create",
    input: { email: "{new}@company.example", fullName: "Some One", role: "sales" },
  },
  { operation: listUsers, needs: "users:read", input: {} },
  { operation: listUsers, needs: "users:read", input: { q: "{theirWord}" } },
  // An API key is signed in, and is no user.
  { operation: getUser, needs: "signedIn", input: {}, refusals: ["not_found"] },
  { operation: getUser, needs: "users:read", input: { id: "{user}" } },
  { operation: updateUser, needs: "users:update", input: { id: "{user}", fullName: "{new}" } },
  { operation: deleteUser, needs: "users:delete", input: { id: "{user}" }, signsOut: true },
  { operation: assignRole, needs: "users:update", input: { id: "{user}", role: "sales" } },
  {
    operation: resetUserPassword,
    needs: "users:update",
    input: { id: "{user}" },
    signsOut: true,
  },

  { operation: getTenant, needs: "tenant:read", input: {} },
  { operation: updateTenant, needs: "tenant:update", input: { tenant: { timeZone: "UTC" } } },

  { operation: listRoles, needs: "roles:read", input: {} },
  { operation: getRolePermissions, needs: "roles:read", input: { role: "sales" } },
  {
    operation: setRolePermissions,
    needs: "roles:update",
    // As it is: the other tests count on it.
    input: { role: "marketing", permissions: permissionList("marketing") },
  },
  { operation: getUserPermissions, needs: "users:read", input: { userId: "{user}" } },
  { operation: checkPermission, needs: "signedIn", input: { resource: "users", action: "read" } },
  {
    operation: checkPermission,
    needs: "users:read",
    input: { userId: "{user}", resource: "users", action: "read" },
  },

  { operation: createApiKey, needs: "apiKeys:create", input: { name: "{new}", role: "sales" } },
  { operation: listApiKeys, needs: "apiKeys:read", input: {} },
  { operation: deleteApiKey, needs: "apiKeys:delete", input: { id: "{apiKey}" } },

  { operation: listAudit, needs: "audit:read", input: {} },
  { operation: listAudit, needs: "audit:read", input: { entityId: "{user}" }, filters: true },
  { operation: listAudit, needs: "audit:read", input: { actorId: "{user}" }, filters: true },
];

/** The operations of user-svc. */
export const USER_OPERATIONS: readonly Described[] = [...accounts, ...users];

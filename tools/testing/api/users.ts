import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { UserService } from "@crm/proto/user/v1/user_pb";
import { validatedToken } from "../../../user-svc/src/credentials/schema.ts";
import {
  checkResult,
  roleList,
  rolePermissions,
  userPermissions,
} from "../../../user-svc/src/roles/schema.ts";
import { type Tenant, tenant } from "../../../user-svc/src/tenant/schema.ts";
import {
  type CreatedUser,
  createdUser,
  resetToken,
  type User,
  user,
  userPage,
} from "../../../user-svc/src/users/schema.ts";
import { type ApiOperation, ifMatch, nothing, withQuery } from "./operation.ts";

const { method } = UserService;

type Value<Schema extends { parse(raw: unknown): unknown }> = ReturnType<Schema["parse"]>;

/** Input: `token`. */
export const validateToken: ApiOperation<Value<typeof validatedToken>> = {
  service: "user",
  method: method.validateToken,
  rest: null,
  value: validatedToken,
};

/** Input: `userId`. */
export const getUserPermissions: ApiOperation<Value<typeof userPermissions>> = {
  service: "user",
  method: method.getUserPermissions,
  rest: null,
  value: userPermissions,
};

/** Input: `userId`, `resource`, `action`. */
export const checkPermission: ApiOperation<Value<typeof checkResult>> = {
  service: "user",
  method: method.checkPermission,
  rest: (body) => ({ method: "POST", path: "/v1/permissions/check", body }),
  value: checkResult,
};

/** Input: `email`, `fullName`, `role`, `password`. */
export const createUser: ApiOperation<CreatedUser> = {
  service: "user",
  method: method.createUser,
  rest: (body) => ({ method: "POST", path: "/v1/users", body }),
  answer: ({ user: added, invitationToken = null }) => ({ ...objectOf(added), invitationToken }),
  value: createdUser,
};

/** Input: `id`; without it, the caller. */
export const getUser: ApiOperation<User> = {
  service: "user",
  method: method.getUser,
  rest: ({ id = "me" }) => ({ method: "GET", path: `/v1/users/${id}` }),
  answer: ({ user: found }) => found,
  value: user,
};

/** Input: `role`, `status`, `q`, `limit`, `cursor`. */
export const listUsers: ApiOperation<Value<typeof userPage>> = {
  service: "user",
  method: method.listUsers,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/users", query) }),
  value: userPage,
};

/** Input: `id`, `fullName`, `email`, `status`, `expectedVersion`. */
export const updateUser: ApiOperation<User> = {
  service: "user",
  method: method.updateUser,
  rest: ({ id, expectedVersion, ...body }) => ({
    method: "PATCH",
    path: `/v1/users/${id}`,
    headers: ifMatch(expectedVersion),
    body,
  }),
  answer: ({ user: changed }) => changed,
  value: user,
};

/** Input: `id`, `expectedVersion`. */
export const deleteUser: ApiOperation<null> = {
  service: "user",
  method: method.deleteUser,
  rest: ({ id, expectedVersion }) => ({
    method: "DELETE",
    path: `/v1/users/${id}`,
    headers: ifMatch(expectedVersion),
  }),
  answer: () => null,
  value: nothing,
};

/** Input: `id`, `role`, `expectedVersion`. */
export const assignRole: ApiOperation<User> = {
  service: "user",
  method: method.assignRole,
  rest: ({ id, expectedVersion, ...body }) => ({
    method: "PUT",
    path: `/v1/users/${id}/role`,
    headers: ifMatch(expectedVersion),
    body,
  }),
  answer: ({ user: changed }) => changed,
  value: user,
};

/** Input: `id`. */
export const resetUserPassword: ApiOperation<Value<typeof resetToken>> = {
  service: "user",
  method: method.resetUserPassword,
  rest: ({ id }) => ({ method: "POST", path: `/v1/users/${id}/reset-password` }),
  value: resetToken,
};

export const getTenant: ApiOperation<Tenant> = {
  service: "user",
  method: method.getTenant,
  rest: () => ({ method: "GET", path: "/v1/tenant" }),
  answer: ({ tenant: found }) => found,
  value: tenant,
};

/** Input: `tenant` (a merge patch), `expectedVersion`. */
export const updateTenant: ApiOperation<Tenant> = {
  service: "user",
  method: method.updateTenant,
  rest: ({ tenant: body, expectedVersion }) => ({
    method: "PATCH",
    path: "/v1/tenant",
    headers: ifMatch(expectedVersion),
    body,
  }),
  message: ({ tenant: patch = {}, ...rest }) => ({
    ...rest,
    tenant: patch,
    updateMask: Object.keys(objectOf(patch)).join(","),
  }),
  answer: ({ tenant: changed }) => changed,
  body: "tenant",
  value: tenant,
};

export const listRoles: ApiOperation<Value<typeof roleList>> = {
  service: "user",
  method: method.listRoles,
  rest: () => ({ method: "GET", path: "/v1/roles" }),
  value: roleList,
};

/** Input: `role`. */
export const getRolePermissions: ApiOperation<Value<typeof rolePermissions>> = {
  service: "user",
  method: method.getRolePermissions,
  rest: ({ role }) => ({ method: "GET", path: `/v1/roles/${role}/permissions` }),
  value: rolePermissions,
};

/** Input: `role`, `permissions`, `expectedVersion`. */
export const setRolePermissions: ApiOperation<Value<typeof rolePermissions>> = {
  service: "user",
  method: method.setRolePermissions,
  rest: ({ role, expectedVersion, ...body }) => ({
    method: "PUT",
    path: `/v1/roles/${role}/permissions`,
    headers: ifMatch(expectedVersion),
    body,
  }),
  value: rolePermissions,
};

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

import { bind } from "@crm/platform/rpc";
import { UserService } from "@crm/proto/user/v1/user_pb";
import {
  checkPermission,
  getRolePermissions,
  getUserPermissions,
  listRoles,
  setRolePermissions,
} from "./operations.ts";

const { method } = UserService;

export const roleBindings = [
  bind(method.listRoles, listRoles),
  bind(method.getRolePermissions, getRolePermissions),
  bind(method.setRolePermissions, setRolePermissions, {
    // An empty list is no field in JSON.
    input: ({ permissions = [], ...rest }) => ({ ...rest, permissions }),
  }),
  bind(method.getUserPermissions, getUserPermissions),
  bind(method.checkPermission, checkPermission),
];

import { mount, type RestApp } from "@crm/platform/rest";
import type { UserServices } from "../services.ts";
import {
  checkPermission,
  getRolePermissions,
  listRoles,
  setRolePermissions,
} from "./operations.ts";

export function roleRoutes(app: RestApp<UserServices>): void {
  mount(app, listRoles, { method: "GET", path: "/v1/roles" });
  mount(app, getRolePermissions, { method: "GET", path: "/v1/roles/:role/permissions" });
  mount(app, setRolePermissions, {
    method: "PUT",
    path: "/v1/roles/:role/permissions",
    body: true,
  });
  mount(app, checkPermission, { method: "POST", path: "/v1/permissions/check", body: true });
}

import { mount, type RestApp } from "@crm/platform/rest";
import type { UserServices } from "../services.ts";
import {
  assignRole,
  createUser,
  disableUser,
  getUser,
  listUsers,
  resetUserPassword,
  updateUser,
} from "./operations.ts";

export function userRoutes(app: RestApp<UserServices>): void {
  mount(app, createUser, {
    method: "POST",
    path: "/v1/users",
    body: true,
    status: 201,
    location: ({ id }) => `/v1/users/${id}`,
  });
  mount(app, listUsers, { method: "GET", path: "/v1/users" });
  mount(app, getUser, { method: "GET", path: "/v1/users/me" });
  mount(app, getUser, { method: "GET", path: "/v1/users/:id" });
  mount(app, updateUser, { method: "PATCH", path: "/v1/users/:id", body: true });
  mount(app, disableUser, { method: "DELETE", path: "/v1/users/:id" });
  mount(app, assignRole, { method: "PUT", path: "/v1/users/:id/role", body: true });
  mount(app, resetUserPassword, { method: "POST", path: "/v1/users/:id/reset-password" });
}

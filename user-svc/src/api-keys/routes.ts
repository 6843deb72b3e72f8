import { mount, type RestApp } from "@crm/platform/rest";
import type { UserServices } from "../services.ts";
import { createApiKey, deleteApiKey, listApiKeys } from "./operations.ts";

export function apiKeyRoutes(app: RestApp<UserServices>): void {
  mount(app, createApiKey, { method: "POST", path: "/v1/api-keys", body: true, status: 201 });
  mount(app, listApiKeys, { method: "GET", path: "/v1/api-keys" });
  mount(app, deleteApiKey, { method: "DELETE", path: "/v1/api-keys/:id" });
}

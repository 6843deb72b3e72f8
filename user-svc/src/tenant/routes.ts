import { mount, type RestApp } from "@crm/platform/rest";
import type { UserServices } from "../services.ts";
import { getTenant, updateTenant } from "./operations.ts";

export function tenantRoutes(app: RestApp<UserServices>): void {
  mount(app, getTenant, { method: "GET", path: "/v1/tenant" });
  mount(app, updateTenant, { method: "PATCH", path: "/v1/tenant", body: "tenant" });
}

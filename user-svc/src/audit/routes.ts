import { mount, type RestApp } from "@crm/platform/rest";
import type { UserServices } from "../services.ts";
import { listAudit } from "./operations.ts";

export function auditRoutes(app: RestApp<UserServices>): void {
  mount(app, listAudit, { method: "GET", path: "/v1/audit" });
}

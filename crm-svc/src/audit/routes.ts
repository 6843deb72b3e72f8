import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { listAudit } from "./operations.ts";

export function auditRoutes(app: RestApp<CrmServices>): void {
  mount(app, listAudit, { method: "GET", path: "/v1/audit" });
}

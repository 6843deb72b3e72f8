import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { getLeadSettings, setLeadSettings } from "./operations.ts";

export function leadSettingsRoutes(app: RestApp<CrmServices>): void {
  mount(app, getLeadSettings, { method: "GET", path: "/v1/lead-settings" });
  mount(app, setLeadSettings, { method: "PUT", path: "/v1/lead-settings", body: true });
}

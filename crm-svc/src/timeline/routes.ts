import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { getTimeline } from "./operations.ts";

export function timelineRoutes(app: RestApp<CrmServices>): void {
  mount(app, getTimeline, { method: "GET", path: "/v1/contacts/:id/timeline" });
}

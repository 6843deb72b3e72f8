import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { getContactFields, setContactFields } from "./operations.ts";

export function contactFieldRoutes(app: RestApp<CrmServices>): void {
  mount(app, getContactFields, { method: "GET", path: "/v1/contact-fields" });
  mount(app, setContactFields, { method: "PUT", path: "/v1/contact-fields", body: true });
}

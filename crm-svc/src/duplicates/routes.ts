import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { dismissDuplicate, getDuplicates, listDuplicates } from "./operations.ts";

export function duplicateRoutes(app: RestApp<CrmServices>): void {
  mount(app, listDuplicates, { method: "GET", path: "/v1/contacts/duplicates" });
  mount(app, getDuplicates, { method: "GET", path: "/v1/contacts/:id/duplicates" });
  mount(app, dismissDuplicate, {
    method: "POST",
    path: "/v1/contacts/duplicates/dismiss",
    body: true,
  });
}

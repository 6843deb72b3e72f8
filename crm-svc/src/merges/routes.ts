import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { listMerges, mergeContacts, undoMerge } from "./operations.ts";

export function mergeRoutes(app: RestApp<CrmServices>): void {
  mount(app, mergeContacts, {
    method: "POST",
    path: "/v1/contacts/:id/merge",
    body: true,
    ifMatch: true,
  });
  mount(app, undoMerge, { method: "POST", path: "/v1/contacts/merges/:id/undo" });
  mount(app, listMerges, { method: "GET", path: "/v1/contacts/:id/merges" });
}

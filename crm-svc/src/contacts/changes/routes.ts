import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../../services.ts";
import { undoChange } from "./operations.ts";

export function contactChangeRoutes(app: RestApp<CrmServices>): void {
  mount(app, undoChange, {
    method: "POST",
    path: "/v1/contacts/:id/changes/:auditId/undo",
  });
}

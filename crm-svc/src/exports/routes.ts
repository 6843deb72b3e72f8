import type { RestApp } from "@crm/platform/rest";
import { mountFile } from "@crm/platform/rest-streams";
import type { CrmServices } from "../services.ts";
import { exportContacts } from "./operations.ts";

export function exportRoutes(app: RestApp<CrmServices>): void {
  mountFile(app, exportContacts, {
    path: "/v1/contacts/export",
    type: "text/csv; charset=utf-8",
    fileName: "contacts.csv",
    bytes: (chunk) => chunk,
  });
}

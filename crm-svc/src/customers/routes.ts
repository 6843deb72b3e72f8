import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { getCustomer, listCustomers } from "./operations.ts";

export function customerRoutes(app: RestApp<CrmServices>): void {
  mount(app, listCustomers, { method: "GET", path: "/v1/customers" });
  mount(app, getCustomer, {
    method: "GET",
    path: "/v1/customers/:id",
    movedTo: (found, { id }) =>
      found.id === id?.toLowerCase() ? null : `/v1/customers/${found.id}`,
  });
}

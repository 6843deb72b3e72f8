import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import {
  createContact,
  deleteContact,
  getContact,
  listContacts,
  restoreContact,
  updateContact,
} from "./operations.ts";
import { searchContacts } from "./search/operations.ts";

export function contactRoutes(app: RestApp<CrmServices>): void {
  mount(app, createContact, {
    method: "POST",
    path: "/v1/contacts",
    body: "contact",
    status: 201,
    location: ({ id }) => `/v1/contacts/${id}`,
  });
  mount(app, listContacts, { method: "GET", path: "/v1/contacts" });
  mount(app, searchContacts, { method: "GET", path: "/v1/contacts/search" });
  mount(app, getContact, {
    method: "GET",
    path: "/v1/contacts/:id",
    movedTo: (found, { id }) =>
      found.id === id?.toLowerCase() ? null : `/v1/contacts/${found.id}`,
  });
  mount(app, updateContact, { method: "PATCH", path: "/v1/contacts/:id", body: "contact" });
  mount(app, deleteContact, { method: "DELETE", path: "/v1/contacts/:id" });
  mount(app, restoreContact, { method: "POST", path: "/v1/contacts/:id/restore" });
}

import { malformed } from "@crm/platform/errors";
import { mount, type RestApp } from "@crm/platform/rest";
import { mountEvents, mountFile, mountUpload } from "@crm/platform/rest-streams";
import { ENCODINGS } from "../csv/encoding.ts";
import type { CrmServices } from "../services.ts";
import {
  cancelImport,
  getImport,
  getImportErrors,
  importContacts,
  listImports,
  undoImport,
  watchImport,
} from "./operations.ts";

export function importRoutes(app: RestApp<CrmServices>): void {
  mountUpload(app, importContacts, {
    path: "/v1/contacts/imports",
    types: ["text/csv", "text/plain", "text/tab-separated-values"],
    charsets: ENCODINGS,
    fields: { mapping: parseMapping },
    status: 202,
    location: ({ id }) => `/v1/contacts/imports/${id}`,
  });
  mount(app, listImports, { method: "GET", path: "/v1/contacts/imports" });
  mount(app, getImport, { method: "GET", path: "/v1/contacts/imports/:id" });
  mountEvents(app, watchImport, { path: "/v1/contacts/imports/:id/events" });
  mountFile(app, getImportErrors, {
    path: "/v1/contacts/imports/:id/errors",
    type: "text/csv; charset=utf-8",
    fileName: "errors.csv",
    bytes: (chunk) => chunk,
  });
  mount(app, cancelImport, {
    method: "POST",
    path: "/v1/contacts/imports/:id/cancel",
    status: 202,
  });
  mount(app, undoImport, { method: "POST", path: "/v1/contacts/imports/:id/undo", status: 202 });
}

/** In a query or a form the mapping is JSON. */
function parseMapping(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const message = 'must be JSON, such as {"Mail": "email", "Notes": null}';
    throw malformed("invalid_fields", `mapping: ${message}`, [
      { path: "mapping", code: "invalid_json", message },
    ]);
  }
}

import type { JsonObject } from "@bufbuild/protobuf";
import { bind } from "@crm/platform/rpc";
import { bindStream, bindUpload } from "@crm/platform/rpc-streams";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import {
  cancelImport,
  getImport,
  getImportErrors,
  importContacts,
  listImports,
  undoImport,
  watchImport,
} from "./operations.ts";
import type { ContactImport } from "./schema.ts";

const { method } = ContactService;

/** The mapping's null, for a column to leave out, is a list of its own here. */
function parametersOf({ parameters }: JsonObject): unknown {
  if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters)) return {};
  const { mapping, ignore, mode, ...rest } = parameters;
  const ignored = Array.isArray(ignore) ? ignore.map((header) => [String(header), null]) : [];
  return {
    ...rest,
    ...(mode !== undefined && { mode }),
    mapping: { ...(typeof mapping === "object" ? mapping : {}), ...Object.fromEntries(ignored) },
  };
}

const output = (found: ContactImport) => ({ import: found });

export const importBindings = [
  bindUpload(method.importContacts, importContacts, {
    input: parametersOf,
    chunk: ({ part }) => (part.case === "chunk" ? part.value : undefined),
    output,
  }),
  bind(method.getImport, getImport, { output }),
  bind(method.listImports, listImports),
  bindStream(method.watchImport, watchImport, { output }),
  bindStream(method.getImportErrors, getImportErrors, {
    message: (chunk: string) => ({ chunk: new TextEncoder().encode(chunk) }),
  }),
  bind(method.cancelImport, cancelImport, { output }),
  bind(method.undoImport, undoImport, { output }),
];

import { exportContacts } from "../../testing/api/exports.ts";
import {
  cancelImport,
  getImport,
  getImportErrors,
  importContacts,
  listImports,
  undoImport,
  watchImport,
} from "../../testing/api/imports.ts";
import type { Described } from "./inputs.ts";

const IMPORT = "contacts:import";
const EXPORT = "contacts:export";
const id = "{import}";

/** The operations of crm-svc that take or give files of contacts. */
export const FILE_OPERATIONS: readonly Described[] = [
  {
    operation: importContacts,
    needs: IMPORT,
    input: { file: "lastName,title\r\n{new},Doctor\r\n", mode: "create", fileName: "{new}.csv" },
  },
  { operation: listImports, needs: IMPORT, input: {} },
  { operation: getImport, needs: IMPORT, input: { id } },
  { operation: watchImport, needs: IMPORT, input: { id } },
  { operation: getImportErrors, needs: IMPORT, input: { id } },
  {
    operation: cancelImport,
    needs: IMPORT,
    input: { id },
    // It has ended.
    refusals: ["import_not_running"],
  },
  {
    operation: undoImport,
    needs: IMPORT,
    input: { id },
    // It is somebody else's, and not all who may import may delete everybody's contacts.
    refusals: ["forbidden"],
  },

  { operation: exportContacts, needs: EXPORT, input: {} },
  {
    operation: exportContacts,
    needs: EXPORT,
    input: { filter: { ownerUserId: "{user}" } },
    filters: true,
  },
];

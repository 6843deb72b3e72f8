import type { JsonObject } from "@bufbuild/protobuf";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import {
  type ContactImport,
  contactImport,
  contactImportPage,
} from "../../../crm-svc/src/imports/schema.ts";
import { type ApiOperation, withQuery } from "./operation.ts";

const { method } = ContactService;

const answer = ({ import: found }: JsonObject) => found;

/** Input: `file` (its text), `mode`, `dryRun`, `mapping`, `fileName`. */
export const importContacts: ApiOperation<ContactImport> = {
  service: "crm",
  method: method.importContacts,
  rest: ({ file, mapping, ...query }) => ({
    method: "POST",
    path: withQuery("/v1/contacts/imports", {
      ...query,
      ...(mapping !== undefined && { mapping: JSON.stringify(mapping) }),
    }),
    headers: { "content-type": "text/csv" },
    content: String(file),
  }),
  messages: ({ file, mapping = {}, ...parameters }) => {
    const columns = Object.entries(objectOf(mapping));
    return [
      {
        parameters: {
          ...parameters,
          mapping: Object.fromEntries(columns.filter(([, field]) => field !== null)),
          ignore: columns.flatMap(([header, field]) => (field === null ? [header] : [])),
        },
      },
      // In pieces that end anywhere, also within a character.
      ...pieces(Buffer.from(String(file))).map((piece) => ({ chunk: piece.toString("base64") })),
    ];
  },
  answer,
  value: contactImport,
};

/** Input: `id`. */
export const getImport: ApiOperation<ContactImport> = {
  service: "crm",
  method: method.getImport,
  rest: ({ id }) => ({ method: "GET", path: `/v1/contacts/imports/${id}` }),
  answer,
  value: contactImport,
};

/** Input: `limit`, `cursor`. */
export const listImports: ApiOperation<ReturnType<typeof contactImportPage.parse>> = {
  service: "crm",
  method: method.listImports,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/contacts/imports", query) }),
  value: contactImportPage,
};

/** Input: `id`. The value is all that was seen of the import until it ended. */
export const watchImport: ApiOperation<ContactImport[]> = {
  service: "crm",
  method: method.watchImport,
  rest: ({ id }) => ({ method: "GET", path: `/v1/contacts/imports/${id}/events` }),
  stream: "events",
  answer,
  value: contactImport.array(),
};

/** Input: `id`. The value is the file's text. */
export const getImportErrors: ApiOperation<string> = {
  service: "crm",
  method: method.getImportErrors,
  rest: ({ id }) => ({ method: "GET", path: `/v1/contacts/imports/${id}/errors` }),
  stream: "file",
  value: { parse: String },
};

/** Input: `id`. */
export const cancelImport: ApiOperation<ContactImport> = {
  service: "crm",
  method: method.cancelImport,
  rest: ({ id }) => ({ method: "POST", path: `/v1/contacts/imports/${id}/cancel` }),
  answer,
  value: contactImport,
};

/** Input: `id`. */
export const undoImport: ApiOperation<ContactImport> = {
  service: "crm",
  method: method.undoImport,
  rest: ({ id }) => ({ method: "POST", path: `/v1/contacts/imports/${id}/undo` }),
  answer,
  value: contactImport,
};

const PIECE_BYTES = 1_000;

function pieces(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / PIECE_BYTES);
  return Array.from({ length: count }, (_, at) =>
    bytes.subarray(at * PIECE_BYTES, (at + 1) * PIECE_BYTES),
  );
}

function objectOf(value: unknown): JsonObject {
  // Only ever what a test has written.
  return value as JsonObject;
}

import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { type ApiOperation, withQuery } from "./operation.ts";

/** Input: `filter`. The value is the file's text. */
export const exportContacts: ApiOperation<string> = {
  service: "crm",
  method: ContactService.method.exportContacts,
  rest: ({ filter = {} }) => ({
    method: "GET",
    // An object, as all inputs of this operation.
    path: withQuery("/v1/contacts/export", filter as Parameters<typeof withQuery>[1]),
  }),
  stream: "file",
  value: { parse: String },
};

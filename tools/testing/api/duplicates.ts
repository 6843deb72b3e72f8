import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { candidates, pairPage } from "../../../crm-svc/src/duplicates/schema.ts";
import { type ApiOperation, nothing, withQuery } from "./operation.ts";

const { method } = ContactService;

/** Input: `id`. */
export const getDuplicates: ApiOperation<ReturnType<typeof candidates.parse>> = {
  service: "crm",
  method: method.getContactDuplicates,
  rest: ({ id }) => ({ method: "GET", path: `/v1/contacts/${id}/duplicates` }),
  value: candidates,
};

/** Input: `limit`, `cursor`. */
export const listDuplicates: ApiOperation<ReturnType<typeof pairPage.parse>> = {
  service: "crm",
  method: method.listDuplicateContacts,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/contacts/duplicates", query) }),
  value: pairPage,
};

/** Input: `ids`. */
export const dismissDuplicate: ApiOperation<null> = {
  service: "crm",
  method: method.dismissDuplicateContacts,
  rest: (body) => ({ method: "POST", path: "/v1/contacts/duplicates/dismiss", body }),
  answer: () => null,
  value: nothing,
};

import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { merged, mergePage, undone } from "../../../crm-svc/src/merges/schema.ts";
import { type ApiOperation, ifMatch, withQuery } from "./operation.ts";

const { method } = ContactService;

/** Input: `id`, `sourceIds`, `choose`, `expectedVersion`. */
export const mergeContacts: ApiOperation<ReturnType<typeof merged.parse>> = {
  service: "crm",
  method: method.mergeContacts,
  rest: ({ id, expectedVersion, ...body }) => ({
    method: "POST",
    path: `/v1/contacts/${id}/merge`,
    headers: ifMatch(expectedVersion),
    body,
  }),
  value: merged,
};

/** Input: `id`, the merge's. */
export const undoMerge: ApiOperation<ReturnType<typeof undone.parse>> = {
  service: "crm",
  method: method.undoContactMerge,
  rest: ({ id }) => ({ method: "POST", path: `/v1/contacts/merges/${id}/undo` }),
  value: undone,
};

/** Input: `id`, the contact's; `limit`, `cursor`. */
export const listMerges: ApiOperation<ReturnType<typeof mergePage.parse>> = {
  service: "crm",
  method: method.listContactMerges,
  rest: ({ id, ...query }) => ({
    method: "GET",
    path: withQuery(`/v1/contacts/${id}/merges`, query),
  }),
  value: mergePage,
};

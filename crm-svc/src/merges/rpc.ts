import { bind } from "@crm/platform/rpc";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { listMerges, mergeContacts, undoMerge } from "./operations.ts";

const { method } = ContactService;

export const mergeBindings = [
  bind(method.mergeContacts, mergeContacts, {
    input: ({ sourceIds = [], ...rest }) => ({ sourceIds, ...rest }),
  }),
  bind(method.undoContactMerge, undoMerge),
  bind(method.listContactMerges, listMerges),
];

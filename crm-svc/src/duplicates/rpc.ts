import { bind } from "@crm/platform/rpc";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { dismissDuplicate, getDuplicates, listDuplicates } from "./operations.ts";

const { method } = ContactService;

export const duplicateBindings = [
  bind(method.getContactDuplicates, getDuplicates),
  bind(method.listDuplicateContacts, listDuplicates),
  bind(method.dismissDuplicateContacts, dismissDuplicate, {
    input: ({ ids = [], ...rest }) => ({ ids, ...rest }),
  }),
];

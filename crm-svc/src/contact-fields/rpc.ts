import { bind } from "@crm/platform/rpc";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { getContactFields, setContactFields } from "./operations.ts";

const { method } = ContactService;

export const contactFieldBindings = [
  bind(method.getContactFields, getContactFields),
  bind(method.setContactFields, setContactFields, {
    input: ({ fields = [], ...rest }) => ({ fields, ...rest }),
  }),
];

import { bindStream } from "@crm/platform/rpc-streams";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { exportContacts } from "./operations.ts";

const { method } = ContactService;

export const exportBindings = [
  bindStream(method.exportContacts, exportContacts, {
    input: ({ filter }) => filter ?? {},
    message: (chunk: Uint8Array<ArrayBuffer>) => ({ chunk }),
  }),
];

import { bind } from "@crm/platform/rpc";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import type { Contact } from "../schema.ts";
import { undoChange } from "./operations.ts";

export const contactChangeBindings = [
  bind(ContactService.method.undoContactChange, undoChange, {
    output: (contact: Contact | null) => ({ contact }),
  }),
];

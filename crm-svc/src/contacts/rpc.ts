import { maskedPatch } from "@crm/platform/field-mask";
import { bind } from "@crm/platform/rpc";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import {
  createContact,
  deleteContact,
  getContact,
  listContacts,
  restoreContact,
  updateContact,
} from "./operations.ts";
import type { Contact } from "./schema.ts";
import { searchContacts } from "./search/operations.ts";
import type { ContactHit } from "./search/schema.ts";

const { method } = ContactService;

export const contactBindings = [
  bind(method.createContact, createContact, {
    input: ({ contact = {}, ...rest }) => ({ contact, ...rest }),
    output: (contact: Contact) => ({ contact }),
  }),
  bind(method.getContact, getContact, { output: (contact: Contact) => ({ contact }) }),
  bind(method.listContacts, listContacts, {
    input: ({ filter, ...rest }) => Object.assign({}, filter, rest),
  }),
  bind(method.searchContacts, searchContacts, {
    input: ({ q = "", filter, ...rest }) => Object.assign({ q }, filter, rest),
    output: ({ items, nextCursor }: { items: ContactHit[]; nextCursor: string | null }) => ({
      items: items.map(({ score, matched, ...contact }) => ({ contact, score, matched })),
      nextCursor,
    }),
  }),
  bind(method.updateContact, updateContact, {
    input: ({ contact, updateMask, ...rest }) => ({
      ...rest,
      contact: maskedPatch(contact, updateMask),
    }),
    output: (contact: Contact) => ({ contact }),
  }),
  bind(method.deleteContact, deleteContact),
  bind(method.restoreContact, restoreContact, { output: (contact: Contact) => ({ contact }) }),
];

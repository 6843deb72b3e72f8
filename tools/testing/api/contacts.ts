import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import {
  type ContactFieldList,
  contactFields,
} from "../../../crm-svc/src/contact-fields/schema.ts";
import { type Contact, contact, contactPage } from "../../../crm-svc/src/contacts/schema.ts";
import { contactHitPage } from "../../../crm-svc/src/contacts/search/schema.ts";
import { type ApiOperation, ifMatch, nothing, withQuery } from "./operation.ts";

const { method } = ContactService;

/** Input: `contact`, `allowDuplicate`. */
export const createContact: ApiOperation<Contact> = {
  service: "crm",
  method: method.createContact,
  rest: ({ contact: body, ...query }) => ({
    method: "POST",
    path: withQuery("/v1/contacts", query),
    body,
  }),
  answer: ({ contact }) => contact,
  body: "contact",
  value: contact,
};

/** Input: `id`. */
export const getContact: ApiOperation<Contact> = {
  service: "crm",
  method: method.getContact,
  rest: ({ id }) => ({ method: "GET", path: `/v1/contacts/${id}` }),
  answer: ({ contact }) => contact,
  value: contact,
};

/** Input: the filters, `deleted`, `sort`, `limit`, `cursor`. */
export const listContacts: ApiOperation<ReturnType<typeof contactPage.parse>> = {
  service: "crm",
  method: method.listContacts,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/contacts", query) }),
  message: ({ deleted, sort, limit, cursor, ...filter }) => ({
    ...given({ deleted, sort, limit, cursor }),
    ...(Object.keys(filter).length > 0 && { filter: filterMessage(filter) }),
  }),
  value: contactPage,
};

/** Input: `q`, the filters, `limit`, `cursor`. */
export const searchContacts: ApiOperation<ReturnType<typeof contactHitPage.parse>> = {
  service: "crm",
  method: method.searchContacts,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/contacts/search", query) }),
  message: ({ q, limit, cursor, ...filter }) => ({
    ...given({ q, limit, cursor }),
    ...(Object.keys(filter).length > 0 && { filter: filterMessage(filter) }),
  }),
  answer: ({ items, nextCursor = null }) => ({
    items: (Array.isArray(items) ? items : []).map((item) => {
      const { contact: found, ...hit } = objectOf(item);
      return { ...objectOf(found), ...hit };
    }),
    nextCursor,
  }),
  value: contactHitPage,
};

/** Input: `id`, `contact` (a merge patch), `expectedVersion`, `allowDuplicate`. */
export const updateContact: ApiOperation<Contact> = {
  service: "crm",
  method: method.updateContact,
  rest: ({ id, contact: body, expectedVersion, ...query }) => ({
    method: "PATCH",
    path: withQuery(`/v1/contacts/${id}`, query),
    headers: ifMatch(expectedVersion),
    body,
  }),
  message: ({ contact: patch = {}, ...rest }) => ({
    ...rest,
    contact: patch,
    updateMask: maskOf(objectOf(patch)).join(","),
  }),
  answer: ({ contact }) => contact,
  body: "contact",
  value: contact,
};

/** Input: `id`, `expectedVersion`. */
export const deleteContact: ApiOperation<null> = {
  service: "crm",
  method: method.deleteContact,
  rest: ({ id, expectedVersion }) => ({
    method: "DELETE",
    path: `/v1/contacts/${id}`,
    headers: ifMatch(expectedVersion),
  }),
  answer: () => null,
  value: nothing,
};

/** Input: `id`. */
export const restoreContact: ApiOperation<Contact> = {
  service: "crm",
  method: method.restoreContact,
  rest: ({ id }) => ({ method: "POST", path: `/v1/contacts/${id}/restore` }),
  answer: ({ contact }) => contact,
  value: contact,
};

/** Input: `id`, `auditId`. */
export const undoContactChange: ApiOperation<Contact | null> = {
  service: "crm",
  method: method.undoContactChange,
  rest: ({ id, auditId }) => ({
    method: "POST",
    path: `/v1/contacts/${id}/changes/${auditId}/undo`,
  }),
  answer: ({ contact }) => contact,
  value: contact.nullable(),
};

export const getContactFields: ApiOperation<ContactFieldList> = {
  service: "crm",
  method: method.getContactFields,
  rest: () => ({ method: "GET", path: "/v1/contact-fields" }),
  value: contactFields,
};

/** Input: `fields`, `expectedVersion`. */
export const setContactFields: ApiOperation<ContactFieldList> = {
  service: "crm",
  method: method.setContactFields,
  rest: ({ expectedVersion, ...body }) => ({
    method: "PUT",
    path: "/v1/contact-fields",
    headers: ifMatch(expectedVersion),
    body,
  }),
  value: contactFields,
};

/** The filters as crm.v1.ContactFilter: what may be repeated is a list there. */
export function filterMessage({ tag, lifecycleStage, ...rest }: JsonObject): JsonObject {
  const listed = ([tag, lifecycleStage] as const).map((value) =>
    value === undefined || Array.isArray(value) ? value : [value],
  );
  return { ...rest, ...given({ tag: listed[0], lifecycleStage: listed[1] }) };
}

function given(fields: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}

/** A merge patch names its fields by having them; the address and `custom` are merged field by field. */
function maskOf(patch: JsonObject): string[] {
  return Object.entries(patch).flatMap(([name, value]) =>
    (name === "address" || name === "custom") && value !== null
      ? Object.keys(objectOf(value)).map((part) => `${name}.${part}`)
      : [name],
  );
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

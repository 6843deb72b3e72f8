import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import {
  type Contact,
  contact,
  contactHitPage,
  contactPage,
} from "../../../crm-svc/src/contacts/schema.ts";
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

/** Input: `limit`, `cursor`. */
export const listContacts: ApiOperation<ReturnType<typeof contactPage.parse>> = {
  service: "crm",
  method: method.listContacts,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/contacts", query) }),
  value: contactPage,
};

/** Input: `q`, `limit`, `cursor`. */
export const searchContacts: ApiOperation<ReturnType<typeof contactHitPage.parse>> = {
  service: "crm",
  method: method.searchContacts,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/contacts/search", query) }),
  answer: ({ items, nextCursor = null }) => ({
    items: (Array.isArray(items) ? items : []).map((item) => {
      const { contact: found, ...hit } = objectOf(item);
      return { ...objectOf(found), ...hit };
    }),
    nextCursor,
  }),
  value: contactHitPage,
};

/** Input: `id`, `contact` (a merge patch), `expectedVersion`. */
export const updateContact: ApiOperation<Contact> = {
  service: "crm",
  method: method.updateContact,
  rest: ({ id, contact: body, expectedVersion }) => ({
    method: "PATCH",
    path: `/v1/contacts/${id}`,
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

/** A merge patch names its fields by having them; the address is merged field by field. */
function maskOf(patch: JsonObject): string[] {
  return Object.entries(patch).flatMap(([name, value]) =>
    name === "address" && value !== null
      ? Object.keys(objectOf(value)).map((part) => `${name}.${part}`)
      : [name],
  );
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { CrmService } from "@crm/proto/crm/v1/crm_pb";
import { CustomerService } from "@crm/proto/crm/v1/customer_pb";
import { LeadService } from "@crm/proto/crm/v1/lead_pb";
import { type ContactData, contactData } from "../../../crm-svc/src/contact-data/schema.ts";
import { type Customer, customer, customerPage } from "../../../crm-svc/src/customers/schema.ts";
import { type LeadSettings, leadSettings } from "../../../crm-svc/src/lead-settings/schema.ts";
import { reassigned } from "../../../crm-svc/src/leads/assignment/schema.ts";
import { type Pipeline, pipeline } from "../../../crm-svc/src/leads/pipeline/schema.ts";
import { type LeadMetrics, leadMetrics } from "../../../crm-svc/src/leads/reports/schema.ts";
import { type Lead, lead, leadPage } from "../../../crm-svc/src/leads/schema.ts";
import { score } from "../../../crm-svc/src/leads/score/schema.ts";
import { type History, history } from "../../../crm-svc/src/leads/transitions/schema.ts";
import { type ApiOperation, ifMatch, nothing, withQuery } from "./operation.ts";

const { method } = LeadService;

/** Input: `lead`. */
export const createLead: ApiOperation<Lead> = {
  service: "crm",
  method: method.createLead,
  rest: ({ lead: body }) => ({ method: "POST", path: "/v1/leads", body }),
  answer: answered,
  body: "lead",
  value: lead,
};

/** Input: `id`. */
export const getLead: ApiOperation<Lead> = {
  service: "crm",
  method: method.getLead,
  rest: ({ id }) => ({ method: "GET", path: `/v1/leads/${id}` }),
  answer: answered,
  value: lead,
};

/** Input: the filters, `sort`, `limit`, `cursor`. */
export const listLeads: ApiOperation<ReturnType<typeof leadPage.parse>> = {
  service: "crm",
  method: method.listLeads,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/leads", query) }),
  message: ({ status, ...rest }) => ({
    ...rest,
    ...(status !== undefined && { status: Array.isArray(status) ? status : [status] }),
  }),
  value: leadPage,
};

/** Input: `id`, `lead` (a merge patch), `expectedVersion`. */
export const updateLead: ApiOperation<Lead> = {
  service: "crm",
  method: method.updateLead,
  rest: ({ id, lead: body, expectedVersion }) => ({
    method: "PATCH",
    path: `/v1/leads/${id}`,
    headers: ifMatch(expectedVersion),
    body,
  }),
  message: ({ lead: patch = {}, ...rest }) => ({
    ...rest,
    lead: patch,
    updateMask: maskOf(objectOf(patch)).join(","),
  }),
  answer: answered,
  body: "lead",
  value: lead,
};

/** Input: `id`, `expectedVersion`. */
export const deleteLead: ApiOperation<null> = {
  service: "crm",
  method: method.deleteLead,
  rest: ({ id, expectedVersion }) => ({
    method: "DELETE",
    path: `/v1/leads/${id}`,
    headers: ifMatch(expectedVersion),
  }),
  answer: () => null,
  value: nothing,
};

/** Input: `id`, `to`, `reason`, `note`, `expectedVersion`. */
export const transitionLead: ApiOperation<Lead> = {
  service: "crm",
  method: method.transitionLead,
  rest: ({ id, expectedVersion, ...body }) => ({
    method: "POST",
    path: `/v1/leads/${id}/transition`,
    headers: ifMatch(expectedVersion),
    body,
  }),
  answer: answered,
  value: lead,
};

/** Input: `id`. */
export const getLeadHistory: ApiOperation<History> = {
  service: "crm",
  method: method.getLeadHistory,
  rest: ({ id }) => ({ method: "GET", path: `/v1/leads/${id}/history` }),
  value: history,
};

/** Input: `id`. */
export const getLeadScore: ApiOperation<ReturnType<typeof score.parse>> = {
  service: "crm",
  method: method.getLeadScore,
  rest: ({ id }) => ({ method: "GET", path: `/v1/leads/${id}/score` }),
  value: score,
};

/** Input: `id`, `expectedVersion`. */
export const convertLead: ApiOperation<Customer> = {
  service: "crm",
  method: method.convertLead,
  rest: ({ id, expectedVersion }) => ({
    method: "POST",
    path: `/v1/leads/${id}/convert`,
    headers: ifMatch(expectedVersion),
  }),
  answer: ({ customer: value = null }) => value,
  value: customer,
};

/** Input: `asOf`, `assignedUserId`. */
export const getPipeline: ApiOperation<Pipeline> = {
  service: "crm",
  method: method.getPipeline,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/leads/pipeline", query) }),
  value: pipeline,
};

/** Input: `from`, `to`, `includeClosed`. */
export const reassignLeads: ApiOperation<ReturnType<typeof reassigned.parse>> = {
  service: "crm",
  method: method.reassignLeads,
  rest: (body) => ({ method: "POST", path: "/v1/leads/reassign", body }),
  value: reassigned,
};

/** Input: `days`, `assignedUserId`, `includeSnoozed`, `limit`, `cursor`. */
export const listInactiveLeads: ApiOperation<ReturnType<typeof leadPage.parse>> = {
  service: "crm",
  method: method.listInactiveLeads,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/leads/inactive", query) }),
  value: leadPage,
};

/** Input: `id`, `until`, `reason`, `expectedVersion`. */
export const snoozeLead: ApiOperation<Lead> = {
  service: "crm",
  method: method.snoozeLead,
  rest: ({ id, expectedVersion, ...body }) => ({
    method: "POST",
    path: `/v1/leads/${id}/snooze`,
    headers: ifMatch(expectedVersion),
    body,
  }),
  answer: answered,
  value: lead,
};

/** Input: `groupBy`, `from`, `to`. */
export const getLeadMetrics: ApiOperation<LeadMetrics> = {
  service: "crm",
  method: method.getLeadMetrics,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/leads/metrics", query) }),
  value: leadMetrics,
};

export const getLeadSettings: ApiOperation<LeadSettings> = {
  service: "crm",
  method: method.getLeadSettings,
  rest: () => ({ method: "GET", path: "/v1/lead-settings" }),
  value: leadSettings,
};

/** Input: `scoring`, `inactiveDays`, `assignment`, `expectedVersion`. */
export const setLeadSettings: ApiOperation<LeadSettings> = {
  service: "crm",
  method: method.setLeadSettings,
  rest: ({ expectedVersion, ...body }) => ({
    method: "PUT",
    path: "/v1/lead-settings",
    headers: ifMatch(expectedVersion),
    body,
  }),
  value: leadSettings,
};

/** Input: `id`. */
export const getCustomer: ApiOperation<Customer> = {
  service: "crm",
  method: CustomerService.method.getCustomer,
  rest: ({ id }) => ({ method: "GET", path: `/v1/customers/${id}` }),
  answer: ({ customer: value = null }) => value,
  value: customer,
};

/** Input: the filters, `limit`, `cursor`. */
export const listCustomers: ApiOperation<ReturnType<typeof customerPage.parse>> = {
  service: "crm",
  method: CustomerService.method.listCustomers,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/customers", query) }),
  value: customerPage,
};

/** Input: `contactId`, `interactionLimit`, `leadLimit`. */
export const getContactData: ApiOperation<ContactData> = {
  service: "crm",
  method: CrmService.method.getContactData,
  rest: null,
  value: contactData,
};

function answered({ lead: value = null }: JsonObject): JsonValue {
  return value;
}

/** A merge patch names its fields by having them; the value is merged part by part. */
function maskOf(patch: JsonObject): string[] {
  return Object.entries(patch).flatMap(([name, value]) =>
    name === "value" && value !== null
      ? Object.keys(objectOf(value)).map((part) => `value.${part}`)
      : [name],
  );
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

import { maskedPatch } from "@crm/platform/field-mask";
import { bind } from "@crm/platform/rpc";
import { LeadService } from "@crm/proto/crm/v1/lead_pb";
import type { Customer } from "../customers/schema.ts";
import { reassign } from "./assignment/operations.ts";
import { convertLead } from "./conversion/operations.ts";
import { listInactiveLeads, snoozeLead } from "./follow-up/operations.ts";
import { createLead, deleteLead, getLead, listLeads, updateLead } from "./operations.ts";
import { getPipeline } from "./pipeline/operations.ts";
import { getMetrics } from "./reports/operations.ts";
import type { Lead } from "./schema.ts";
import { getScore } from "./score/operations.ts";
import { getHistory, transitionLead } from "./transitions/operations.ts";

const { method } = LeadService;

const output = (lead: Lead) => ({ lead });

export const leadBindings = [
  bind(method.createLead, createLead, {
    input: ({ lead = {}, ...rest }) => ({ lead, ...rest }),
    output,
  }),
  bind(method.getLead, getLead, { output }),
  bind(method.listLeads, listLeads),
  bind(method.updateLead, updateLead, {
    input: ({ lead, updateMask, ...rest }) => ({ ...rest, lead: maskedPatch(lead, updateMask) }),
    output,
  }),
  bind(method.deleteLead, deleteLead),
  bind(method.transitionLead, transitionLead, { output }),
  bind(method.getLeadHistory, getHistory),
  bind(method.getLeadScore, getScore),
  bind(method.convertLead, convertLead, { output: (customer: Customer) => ({ customer }) }),
  bind(method.getPipeline, getPipeline),
  bind(method.reassignLeads, reassign),
  bind(method.listInactiveLeads, listInactiveLeads),
  bind(method.snoozeLead, snoozeLead, { output }),
  bind(method.getLeadMetrics, getMetrics, {
    input: ({ groupBy = "", ...rest }) => ({ groupBy, ...rest }),
  }),
];

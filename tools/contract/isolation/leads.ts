import {
  convertLead,
  createLead,
  deleteLead,
  getContactData,
  getCustomer,
  getLead,
  getLeadHistory,
  getLeadMetrics,
  getLeadScore,
  getLeadSettings,
  getPipeline,
  listCustomers,
  listInactiveLeads,
  listLeads,
  reassignLeads,
  setLeadSettings,
  snoozeLead,
  transitionLead,
  updateLead,
} from "../../testing/api/leads.ts";
import type { Described } from "./inputs.ts";

const READ = "leads:read";
const UPDATE = "leads:update";
const id = "{lead}";
const NOW = new Date().toISOString();
const IN_A_DAY = new Date(Date.now() + 86_400_000).toISOString();

/** The operations of crm-svc that are about leads, customers, and all of a contact. */
export const LEAD_OPERATIONS: readonly Described[] = [
  {
    operation: createLead,
    needs: "leads:create",
    input: { lead: { contactId: "{contact}", title: "{new}", assignedUserId: "{user}" } },
    reach: { contact: "contacts:read" },
  },
  { operation: listLeads, needs: READ, input: {} },
  { operation: listLeads, needs: READ, input: { contactId: "{contact}" }, filters: true },
  { operation: listLeads, needs: READ, input: { assignedUserId: "{user}" }, filters: true },
  { operation: getLead, needs: READ, input: { id } },
  {
    operation: updateLead,
    needs: UPDATE,
    input: { id, lead: { contactId: "{contact}", title: "{new}", assignedUserId: "{user}" } },
    reach: { contact: "contacts:read" },
  },
  { operation: deleteLead, needs: "leads:delete", input: { id } },
  { operation: transitionLead, needs: "leads:transition", input: { id, to: "contacted" } },
  { operation: getLeadHistory, needs: READ, input: { id } },
  { operation: getLeadScore, needs: READ, input: { id } },
  { operation: convertLead, needs: "leads:convert", input: { id } },
  {
    operation: getPipeline,
    needs: READ,
    // What is as of now tells when that is.
    input: { asOf: NOW, assignedUserId: "{user}" },
    filters: true,
  },
  {
    operation: listInactiveLeads,
    needs: READ,
    input: { days: 1, assignedUserId: "{user}" },
    filters: true,
  },
  {
    operation: snoozeLead,
    needs: UPDATE,
    input: { id, until: IN_A_DAY, reason: "{new}" },
  },
  {
    operation: reassignLeads,
    needs: UPDATE,
    input: { from: "{user}", to: "{user}" },
    // Whoever has only their own cannot give them to another.
    refusals: ["invalid_fields"],
  },
  { operation: getLeadMetrics, needs: "reports:read", input: { groupBy: "user" } },
  { operation: getLeadSettings, needs: READ, input: {} },
  {
    operation: setLeadSettings,
    needs: "leads:configure",
    // Nothing is assigned by it: the other tests count on it.
    input: {
      assignment: {
        mode: "manual",
        userIds: ["{user}"],
        rules: [{ name: "{new}", userIds: ["{user}"] }],
      },
    },
  },

  { operation: getCustomer, needs: "customers:read", input: { id: "{customer}" } },
  {
    operation: listCustomers,
    needs: "customers:read",
    input: { contactId: "{contact}" },
    filters: true,
  },
  { operation: getContactData, needs: "contacts:read", input: { contactId: "{contact}" } },
];

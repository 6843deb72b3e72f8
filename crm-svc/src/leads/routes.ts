import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { reassign } from "./assignment/operations.ts";
import { convertLead } from "./conversion/operations.ts";
import { listInactiveLeads, snoozeLead } from "./follow-up/operations.ts";
import { createLead, deleteLead, getLead, listLeads, updateLead } from "./operations.ts";
import { getPipeline } from "./pipeline/operations.ts";
import { getMetrics } from "./reports/operations.ts";
import { getScore } from "./score/operations.ts";
import { getHistory, transitionLead } from "./transitions/operations.ts";

export function leadRoutes(app: RestApp<CrmServices>): void {
  mount(app, createLead, {
    method: "POST",
    path: "/v1/leads",
    body: "lead",
    status: 201,
    location: ({ id }) => `/v1/leads/${id}`,
  });
  mount(app, listLeads, { method: "GET", path: "/v1/leads" });
  mount(app, getPipeline, { method: "GET", path: "/v1/leads/pipeline" });
  mount(app, listInactiveLeads, { method: "GET", path: "/v1/leads/inactive" });
  mount(app, getMetrics, { method: "GET", path: "/v1/leads/metrics" });
  mount(app, reassign, { method: "POST", path: "/v1/leads/reassign", body: true });
  mount(app, getLead, { method: "GET", path: "/v1/leads/:id" });
  mount(app, updateLead, { method: "PATCH", path: "/v1/leads/:id", body: "lead" });
  mount(app, deleteLead, { method: "DELETE", path: "/v1/leads/:id" });
  mount(app, transitionLead, {
    method: "POST",
    path: "/v1/leads/:id/transition",
    body: true,
    ifMatch: true,
  });
  mount(app, getHistory, { method: "GET", path: "/v1/leads/:id/history" });
  mount(app, getScore, { method: "GET", path: "/v1/leads/:id/score" });
  mount(app, convertLead, { method: "POST", path: "/v1/leads/:id/convert", ifMatch: true });
  mount(app, snoozeLead, {
    method: "POST",
    path: "/v1/leads/:id/snooze",
    body: true,
    ifMatch: true,
  });
}

import { mount, type RestApp } from "@crm/platform/rest";
import type { CrmServices } from "../services.ts";
import { getMetrics } from "./metrics/operations.ts";
import {
  createInteraction,
  deleteInteraction,
  getInteraction,
  listInteractions,
  updateInteraction,
} from "./operations.ts";
import {
  claimNextReview,
  listMatchCandidates,
  listReviewQueue,
  reviewInteraction,
} from "./review/operations.ts";

export function interactionRoutes(app: RestApp<CrmServices>): void {
  mount(app, createInteraction, {
    method: "POST",
    path: "/v1/interactions",
    body: "interaction",
    status: 201,
    location: ({ id }) => `/v1/interactions/${id}`,
  });
  mount(app, listInteractions, { method: "GET", path: "/v1/interactions" });
  mount(app, listReviewQueue, { method: "GET", path: "/v1/interactions/review" });
  mount(app, claimNextReview, { method: "POST", path: "/v1/interactions/review/claim" });
  mount(app, getMetrics, { method: "GET", path: "/v1/interactions/metrics" });
  mount(app, getInteraction, { method: "GET", path: "/v1/interactions/:id" });
  mount(app, updateInteraction, {
    method: "PATCH",
    path: "/v1/interactions/:id",
    body: "interaction",
  });
  mount(app, deleteInteraction, { method: "DELETE", path: "/v1/interactions/:id" });
  mount(app, reviewInteraction, {
    method: "POST",
    path: "/v1/interactions/:id/review",
    body: true,
  });
  mount(app, listMatchCandidates, { method: "GET", path: "/v1/interactions/:id/candidates" });
}

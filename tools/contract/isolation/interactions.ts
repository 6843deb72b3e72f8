import {
  claimNextReview,
  createInteraction,
  deleteInteraction,
  getInteraction,
  getInteractionMetrics,
  getTimeline,
  listInteractions,
  listMatchCandidates,
  listReviewQueue,
  reviewInteraction,
  updateInteraction,
} from "../../testing/api/interactions.ts";
import type { Described } from "./inputs.ts";

const READ = "interactions:read";
const REVIEW = "interactions:review";
const id = "{interaction}";

/** The operations of crm-svc that are about interactions. */
export const INTERACTION_OPERATIONS: readonly Described[] = [
  {
    operation: createInteraction,
    needs: "interactions:create",
    input: { interaction: { type: "note", subject: "{new}", contactId: "{contact}" } },
  },
  { operation: listInteractions, needs: READ, input: {} },
  { operation: listInteractions, needs: READ, input: { contactId: "{contact}" }, filters: true },
  { operation: listInteractions, needs: READ, input: { userId: "{user}" }, filters: true },
  { operation: getInteraction, needs: READ, input: { id } },
  {
    operation: updateInteraction,
    needs: "interactions:update",
    input: { id, interaction: { subject: "{new}", contactId: "{contact}" } },
    reach: { contact: "contacts:read" },
  },
  { operation: deleteInteraction, needs: "interactions:delete", input: { id } },
  { operation: listReviewQueue, needs: REVIEW, input: {} },
  { operation: listReviewQueue, needs: REVIEW, input: { assignedTo: "{user}" }, filters: true },
  {
    operation: reviewInteraction,
    needs: REVIEW,
    input: { id, action: "match", contactId: "{contact}" },
  },
  {
    operation: reviewInteraction,
    needs: REVIEW,
    input: { id, action: "assign", assignedTo: "{user}" },
    // Who was invited has not come yet.
    refusals: ["invalid_fields"],
  },
  {
    operation: reviewInteraction,
    needs: REVIEW,
    input: { id, action: "dismiss", reason: "{new}" },
  },
  // A program claims nothing.
  { operation: claimNextReview, needs: REVIEW, input: {}, refusals: ["forbidden"] },
  { operation: listMatchCandidates, needs: REVIEW, input: { id } },
  {
    operation: getInteractionMetrics,
    needs: "reports:read",
    input: { groupBy: "user", userId: "{user}" },
    filters: true,
  },
  {
    operation: getInteractionMetrics,
    needs: "reports:read",
    input: { groupBy: "user", contactId: "{contact}" },
    reach: { contact: "contacts:read" },
    filters: true,
  },
  { operation: getTimeline, needs: "contacts:read", input: { id: "{contact}" } },
];

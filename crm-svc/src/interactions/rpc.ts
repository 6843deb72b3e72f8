import { maskedPatch } from "@crm/platform/field-mask";
import { bind } from "@crm/platform/rpc";
import { InteractionService } from "@crm/proto/crm/v1/interaction_pb";
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
import type { Interaction } from "./schema.ts";

const { method } = InteractionService;

const output = (interaction: Interaction | null) => ({ interaction });

export const interactionBindings = [
  bind(method.createInteraction, createInteraction, {
    input: ({ interaction = {}, ...rest }) => ({ interaction, ...rest }),
    output,
  }),
  bind(method.getInteraction, getInteraction, { output }),
  bind(method.listInteractions, listInteractions),
  bind(method.updateInteraction, updateInteraction, {
    input: ({ interaction, updateMask, ...rest }) => ({
      ...rest,
      interaction: maskedPatch(interaction, updateMask),
    }),
    output,
  }),
  bind(method.deleteInteraction, deleteInteraction),
  bind(method.listReviewQueue, listReviewQueue),
  bind(method.reviewInteraction, reviewInteraction, {
    // Unset is how a message says nobody.
    input: (request) =>
      request["action"] === "assign" ? { assignedTo: null, ...request } : request,
    output,
  }),
  bind(method.claimNextReview, claimNextReview, { output }),
  bind(method.listMatchCandidates, listMatchCandidates),
  bind(method.getInteractionMetrics, getMetrics, {
    input: ({ groupBy = "", ...rest }) => ({ groupBy, ...rest }),
  }),
];

import { read } from "../../services.ts";
import { assigneeOf } from "../operations.ts";
import { findPipeline } from "./queries.ts";
import { pipeline, pipelineInput } from "./schema.ts";

/**
 * The leads by status: how many, what they are worth by currency, also weighted by their probabilities,
 * and how long they have been there; now, or as of a moment that has passed, from what is kept of every
 * change. A lead counts with the status, value, probability and assignee that it had then; deleted ones
 * count until they were deleted.
 */
export const getPipeline = read({
  name: "leads.pipeline",
  access: "leads:read",
  input: pipelineInput,
  output: pipeline,
  planEach: true,
  run({ db, actor, ownerOnly }, { asOf, assignedUserId: written }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    return findPipeline(db, reach, assigneeOf(actor, written).assignedUserId, asOf);
  },
});

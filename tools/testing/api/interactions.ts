import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { InteractionService } from "@crm/proto/crm/v1/interaction_pb";
import { metrics } from "../../../crm-svc/src/interactions/metrics/schema.ts";
import { candidates } from "../../../crm-svc/src/interactions/review/schema.ts";
import {
  type Interaction,
  interaction,
  interactionPage,
} from "../../../crm-svc/src/interactions/schema.ts";
import { timelinePage } from "../../../crm-svc/src/timeline/schema.ts";
import { type ApiOperation, ifMatch, nothing, withQuery } from "./operation.ts";

const { method } = InteractionService;

/** Input: `interaction`. */
export const createInteraction: ApiOperation<Interaction> = {
  service: "crm",
  method: method.createInteraction,
  rest: ({ interaction: body }) => ({ method: "POST", path: "/v1/interactions", body }),
  answer: answered,
  body: "interaction",
  value: interaction,
};

/** Input: `id`. */
export const getInteraction: ApiOperation<Interaction> = {
  service: "crm",
  method: method.getInteraction,
  rest: ({ id }) => ({ method: "GET", path: `/v1/interactions/${id}` }),
  answer: answered,
  value: interaction,
};

/** Input: the filters, `limit`, `cursor`. */
export const listInteractions: ApiOperation<ReturnType<typeof interactionPage.parse>> = {
  service: "crm",
  method: method.listInteractions,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/interactions", query) }),
  value: interactionPage,
};

/** Input: `id`, `interaction` (a merge patch), `expectedVersion`. */
export const updateInteraction: ApiOperation<Interaction> = {
  service: "crm",
  method: method.updateInteraction,
  rest: ({ id, interaction: body, expectedVersion }) => ({
    method: "PATCH",
    path: `/v1/interactions/${id}`,
    headers: ifMatch(expectedVersion),
    body,
  }),
  message: ({ interaction: patch = {}, ...rest }) => ({
    ...rest,
    interaction: patch,
    updateMask: maskOf(objectOf(patch)).join(","),
  }),
  answer: answered,
  body: "interaction",
  value: interaction,
};

/** Input: `id`, `expectedVersion`. */
export const deleteInteraction: ApiOperation<null> = {
  service: "crm",
  method: method.deleteInteraction,
  rest: ({ id, expectedVersion }) => ({
    method: "DELETE",
    path: `/v1/interactions/${id}`,
    headers: ifMatch(expectedVersion),
  }),
  answer: () => null,
  value: nothing,
};

/** Input: `assignedTo`, `missing`, `limit`, `cursor`. */
export const listReviewQueue: ApiOperation<ReturnType<typeof interactionPage.parse>> = {
  service: "crm",
  method: method.listReviewQueue,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/interactions/review", query) }),
  value: interactionPage,
};

/** Input: `id`, `action`, and what the action takes. */
export const reviewInteraction: ApiOperation<Interaction> = {
  service: "crm",
  method: method.reviewInteraction,
  rest: ({ id, ...body }) => ({ method: "POST", path: `/v1/interactions/${id}/review`, body }),
  message: ({ assignedTo, ...rest }) => ({ ...rest, ...(assignedTo ? { assignedTo } : {}) }),
  answer: answered,
  value: interaction,
};

export const claimNextReview: ApiOperation<Interaction | null> = {
  service: "crm",
  method: method.claimNextReview,
  rest: () => ({ method: "POST", path: "/v1/interactions/review/claim" }),
  answer: answered,
  value: interaction.nullable(),
};

/** Input: `id`. */
export const listMatchCandidates: ApiOperation<ReturnType<typeof candidates.parse>> = {
  service: "crm",
  method: method.listMatchCandidates,
  rest: ({ id }) => ({ method: "GET", path: `/v1/interactions/${id}/candidates` }),
  value: candidates,
};

/** Input: `groupBy`, the filters. */
export const getInteractionMetrics: ApiOperation<ReturnType<typeof metrics.parse>> = {
  service: "crm",
  method: method.getInteractionMetrics,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/interactions/metrics", query) }),
  value: metrics,
};

/** Input: `id`, `type`, `from`, `to`, `limit`, `cursor`. */
export const getTimeline: ApiOperation<ReturnType<typeof timelinePage.parse>> = {
  service: "crm",
  method: ContactService.method.listContactTimeline,
  rest: ({ id, ...query }) => ({
    method: "GET",
    path: withQuery(`/v1/contacts/${id}/timeline`, query),
  }),
  message: ({ type, ...rest }) => ({
    ...rest,
    ...(type !== undefined && { type: Array.isArray(type) ? type : [type] }),
  }),
  value: timelinePage,
};

function answered({ interaction: value = null }: JsonObject): JsonValue {
  return value;
}

/** A merge patch names its fields by having them; participant and metadata are merged field by field. */
function maskOf(patch: JsonObject): string[] {
  return Object.entries(patch).flatMap(([name, value]) =>
    (name === "participant" || name === "metadata") && value !== null
      ? Object.keys(objectOf(value)).map((part) => `${name}.${part}`)
      : [name],
  );
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

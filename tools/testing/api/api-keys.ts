import type { JsonObject } from "@bufbuild/protobuf";
import { UserService } from "@crm/proto/user/v1/user_pb";
import {
  apiKeyPage,
  type CreatedApiKey,
  createdApiKey,
} from "../../../user-svc/src/api-keys/schema.ts";
import { type ApiOperation, nothing, withQuery } from "./operation.ts";

const { method } = UserService;

/** Input: `name`, `role`, `expiresAt`. */
export const createApiKey: ApiOperation<CreatedApiKey> = {
  service: "user",
  method: method.createApiKey,
  rest: (body) => ({ method: "POST", path: "/v1/api-keys", body }),
  // A message within a message is an object.
  answer: ({ apiKey, key }) => ({ ...(apiKey as JsonObject), key }),
  value: createdApiKey,
};

/** Input: `limit`, `cursor`. */
export const listApiKeys: ApiOperation<ReturnType<typeof apiKeyPage.parse>> = {
  service: "user",
  method: method.listApiKeys,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/api-keys", query) }),
  value: apiKeyPage,
};

/** Input: `id`. */
export const deleteApiKey: ApiOperation<null> = {
  service: "user",
  method: method.deleteApiKey,
  rest: ({ id }) => ({ method: "DELETE", path: `/v1/api-keys/${id}` }),
  answer: () => null,
  value: nothing,
};

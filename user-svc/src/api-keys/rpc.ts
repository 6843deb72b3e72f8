import { bind } from "@crm/platform/rpc";
import { UserService } from "@crm/proto/user/v1/user_pb";
import { createApiKey, deleteApiKey, listApiKeys } from "./operations.ts";
import type { CreatedApiKey } from "./schema.ts";

const { method } = UserService;

export const apiKeyBindings = [
  bind(method.createApiKey, createApiKey, {
    output: ({ key, ...apiKey }: CreatedApiKey) => ({ apiKey, key }),
  }),
  bind(method.listApiKeys, listApiKeys),
  bind(method.deleteApiKey, deleteApiKey),
];

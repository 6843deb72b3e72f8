import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { derived } from "@crm/platform/derived";
import { bind } from "@crm/platform/rpc";
import {
  PermissionSchema,
  UserService,
  ValidateTokenResponseSchema,
} from "@crm/proto/user/v1/user_pb";
import type { Permission } from "../roles/schema.ts";
import { validateToken } from "./operations.ts";

/** With their permissions made anew, answers took a tenth longer. */
const messages = derived((permissions: readonly Permission[]) =>
  permissions.map((permission) => create(PermissionSchema, permission)),
);

export const credentialBindings = [
  bind(UserService.method.validateToken, validateToken, {
    response: ({ permissions, expiresAt, ...whom }) =>
      create(ValidateTokenResponseSchema, {
        ...whom,
        permissions: messages(permissions),
        ...(expiresAt !== null && { expiresAt: timestampFromDate(new Date(expiresAt)) }),
      }),
  }),
];

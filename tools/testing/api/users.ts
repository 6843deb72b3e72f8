import { UserService } from "@crm/proto/user/v1/user_pb";
import { userPermissions, validatedToken } from "../../../user-svc/src/users/schema.ts";
import type { ApiOperation } from "./operation.ts";

const { method } = UserService;

export const validateToken: ApiOperation<ReturnType<typeof validatedToken.parse>> = {
  service: "user",
  method: method.validateToken,
  rest: null,
  value: validatedToken,
};

export const getUserPermissions: ApiOperation<ReturnType<typeof userPermissions.parse>> = {
  service: "user",
  method: method.getUserPermissions,
  rest: null,
  value: userPermissions,
};

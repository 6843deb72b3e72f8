import { bind } from "@crm/platform/rpc";
import { UserService } from "@crm/proto/user/v1/user_pb";
import { validateToken } from "./operations.ts";

export const credentialBindings = [bind(UserService.method.validateToken, validateToken)];
